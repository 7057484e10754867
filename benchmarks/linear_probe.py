"""What frozen features know: the best linear classifier or regression on top of them.

Both problems are convex and solved to their minimum from full batches, so that a number depends on the
features alone: no step size, no seed, no epochs. scikit-learn in float64.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold

_NUM_FOLDS = 5
RIDGES: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class LinearProbe:
    """A linear map of standardised features.

    Args:
        mean: float64 `[F]`, subtracted from features.
        spread: float64 `[F]` > 0, divides them.
        weights: float64 `[F, C]`.
        bias: float64 `[C]`.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def values(self, features: np.ndarray) -> np.ndarray:
        """Apply the map.

        Args:
            features: NumPy `[N, F]`.

        Returns:
            float64 `[N, C]`: logits of a classifier, targets of a regression.
        """
        return (
            np.asarray(features, np.float64) - self.mean
        ) / self.spread @ self.weights + self.bias


@dataclass(frozen=True)
class ProbeAccuracy:
    """How often a probed class is right.

    Args:
        accuracy: share of all examples.
        per_class: share of each class's examples, by label; a class without examples is left out.
        ridge: penalty that was used.
    """

    accuracy: float
    per_class: dict[int, float]
    ridge: float


def _standardise(features):
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise ValueError(
            f"Features must be finite and [examples, features] with two examples or more, but have "
            f"the shape {list(features.shape)}."
        )
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-8 * max(1.0, float(spread.max())), spread, 1.0)
    return (features - mean) / spread, mean, spread


def fit_classifier(features: np.ndarray, labels: np.ndarray, ridge: float = 1e-2) -> LinearProbe:
    """Fit multinomial logistic regression: mean cross-entropy + ridge / 2 |W|^2, bias unpenalised.

    Args:
        features: NumPy `[N, F]`.
        labels: int NumPy `[N]`, 0 to C - 1, two classes or more.
        ridge: penalty > 0 on weights of standardised features.

    Returns:
        The classifier at the minimum.

    Raises:
        ValueError: if an argument has the wrong shape, a label is negative or the ridge not positive.
    """
    x, mean, spread = _standardise(features)
    labels = np.asarray(labels)
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"Labels must be {len(x)} whole numbers from 0, one per example, but are "
            f"{labels.dtype} {list(labels.shape)}."
        )
    _require_positive(ridge)
    # For two classes scikit-learn fits one weight, the difference of both, and penalises it once.
    penalty = ridge * len(x) * (0.5 if len(np.unique(labels)) == 2 else 1.0)
    model = LogisticRegression(C=1.0 / penalty, solver="newton-cg", tol=1e-8, max_iter=500)
    model.fit(x, labels)
    weights = np.zeros((x.shape[1], labels.max() + 1))
    bias = np.full(labels.max() + 1, -np.inf)  # of classes without an example
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercepts = (
            np.stack([-value[0], value[0]]) / 2 for value in (coefficients, intercepts)
        )
    weights[:, model.classes_], bias[model.classes_] = coefficients.T, intercepts
    return LinearProbe(mean, spread, weights, bias)


def fit_ridge(features: np.ndarray, targets: np.ndarray, ridge: float = 1e-2) -> LinearProbe:
    """Fit ridge regression: mean squared error + ridge |W|^2, bias unpenalised.

    Args:
        features: NumPy `[N, F]`.
        targets: NumPy `[N, C]`.
        ridge: penalty > 0 on weights of standardised features.

    Returns:
        The regression at the minimum.

    Raises:
        ValueError: if an argument has the wrong shape or the ridge is not positive.
    """
    x, mean, spread = _standardise(features)
    targets = np.asarray(targets, np.float64)
    if targets.ndim != 2 or len(targets) != len(x):
        raise ValueError(
            f"Targets must be [{len(x)}, C], but have the shape {list(targets.shape)}."
        )
    _require_positive(ridge)
    model = Ridge(ridge * len(x), solver="cholesky").fit(x, targets)
    return LinearProbe(mean, spread, model.coef_.T, model.intercept_)


def _require_positive(ridge):
    if not ridge > 0:
        raise ValueError(
            f"ridge is {ridge}; give a positive penalty, the minimum is not unique else."
        )


def probe_classes(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    ridge: float | None = None,
    train_groups: np.ndarray | None = None,
) -> ProbeAccuracy:
    """Measures how well classes can be read off frozen features.

    Args:
        train_features: NumPy `[N, F]`.
        train_labels: int NumPy `[N]` >= 0.
        test_features: NumPy `[M, F]`.
        test_labels: int NumPy `[M]`.
        ridge: penalty, or None to choose among `RIDGES` by cross-validation on the training part.
        train_groups: NumPy `[N]`, person or session of each example, kept together in the folds;
            None takes each example as its own. Only used without `ridge`.

    Returns:
        Accuracy on the test part.

    Raises:
        ValueError: an argument has the wrong shape, a part is empty, or one group alone is to be
            cross-validated.
    """
    for part, labels in (("training", train_labels), ("test", test_labels)):
        if not len(labels):
            raise ValueError(f"The {part} part has no example with a class; give labelled records.")
    if ridge is None:
        ridge = _choose_ridge(train_features, train_labels, train_groups)
    probe = fit_classifier(train_features, train_labels, ridge)
    test_labels = np.asarray(test_labels)
    right = probe.values(test_features).argmax(axis=1) == test_labels
    per_class = {
        int(label): float(right[test_labels == label].mean()) for label in set(test_labels)
    }
    return ProbeAccuracy(float(right.mean()), dict(sorted(per_class.items())), ridge)


def _choose_ridge(features, labels, groups):
    features, labels = np.asarray(features), np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    num_groups = len(np.unique(groups))
    if num_groups < 2:
        raise ValueError("All training examples are of one group; give ridge, or more groups.")
    hits = []
    for ridge in RIDGES:
        right = np.zeros(len(labels))
        folds = GroupKFold(min(_NUM_FOLDS, num_groups)).split(features, groups=groups)
        for kept, held in folds:
            probe = fit_classifier(features[kept], labels[kept], ridge)
            right[held] = probe.values(features[held]).argmax(axis=1) == labels[held]
        hits.append(right.mean())
    return RIDGES[int(np.argmax(hits))]


def probe_angles(
    train_features: np.ndarray,
    train_deg: np.ndarray,
    test_features: np.ndarray,
    test_deg: np.ndarray,
    ridge: float = 1e-2,
) -> float:
    """Measures how well a rotation can be read off frozen features.

    Args:
        train_features: NumPy `[N, F]`.
        train_deg: NumPy `[N]`, degrees, any turn.
        test_features: NumPy `[M, F]`.
        test_deg: NumPy `[M]`, degrees.
        ridge: penalty of the regression on cosine and sine.

    Returns:
        Mean absolute error on the test part in degrees, 0 to 180; 90 is chance over full turns.

    Raises:
        ValueError: an argument has the wrong shape.
    """
    train, test = (np.radians(np.asarray(a, np.float64)) for a in (train_deg, test_deg))
    circle = np.stack([np.cos(train), np.sin(train)], axis=-1)
    x, y = fit_ridge(train_features, circle, ridge).values(test_features).T
    error = np.arctan2(y, x) - test
    return float(np.degrees(np.abs(np.arctan2(np.sin(error), np.cos(error))).mean()))
