"""What frozen features know: the best linear classifier or regression on top of them.

Both problems are convex and solved to their minimum from full batches, so that a number depends on the
features alone: no step size, no seed, no epochs. NumPy in float64.
"""

from dataclasses import dataclass

import numpy as np

# Newton steps, conjugate-gradient steps of each, and the slope at which the minimum is taken as found.
_NEWTON_STEPS = 50
_CONJUGATE_STEPS = 100
_TOLERANCE = 1e-6
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
        """Applies the map.

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
    """Fits multinomial logistic regression: mean cross-entropy + ridge / 2 |W|^2, bias unpenalised.

    Args:
        features: NumPy `[N, F]`.
        labels: int NumPy `[N]`, 0 to C - 1.
        ridge: penalty > 0 on weights of standardised features.

    Returns:
        The classifier at the minimum, by Newton's method with conjugate gradients.

    Raises:
        ValueError: an argument has the wrong shape, a label is negative or the ridge not positive.
    """
    x, mean, spread = _standardise(features)
    labels = np.asarray(labels)
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"Labels must be {len(x)} whole numbers from 0, one per example, but are "
            f"{labels.dtype} {list(labels.shape)}."
        )
    if not ridge > 0:
        raise ValueError(
            f"ridge is {ridge}; give a positive penalty, the minimum is not unique else."
        )
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    wanted = np.eye(labels.max() + 1)[labels]
    penalty = np.full((x.shape[1], 1), ridge)
    penalty[-1] = 1e-9  # the bias is free, but for what makes the minimum unique
    weights = np.zeros((x.shape[1], wanted.shape[1]))

    def objective(weights):
        logits = x @ weights
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = np.mean(np.sum(wanted * (total - logits), axis=1))
        return loss + 0.5 * np.sum(penalty * weights**2), np.exp(logits - total)

    value, shares = objective(weights)
    for _ in range(_NEWTON_STEPS):
        slope = x.T @ (shares - wanted) / len(x) + penalty * weights
        if np.abs(slope).max() < _TOLERANCE:
            break
        step = _newton_step(x, shares, penalty, slope)
        length = 1.0
        while True:
            new_value, new_shares = objective(weights + length * step)
            if new_value <= value + 1e-4 * length * np.sum(slope * step) or length < 1e-6:
                break
            length *= 0.5
        weights, value, shares = weights + length * step, new_value, new_shares
    return LinearProbe(mean, spread, weights[:-1], weights[-1])


def _newton_step(x, shares, penalty, slope):
    """Solves Hessian * step = -slope by conjugate gradients, loosely while far from the minimum."""

    def curvature(direction):
        moved = x @ direction
        centred = shares * (moved - np.sum(shares * moved, axis=1, keepdims=True))
        return x.T @ centred / len(x) + penalty * direction

    size = np.sum(slope**2)
    wanted = min(0.25, np.sqrt(np.sqrt(size))) ** 2 * size
    step, rest = np.zeros_like(slope), -slope
    direction = rest
    for _ in range(_CONJUGATE_STEPS):
        bent = curvature(direction)
        length = size / np.sum(direction * bent)
        step = step + length * direction
        rest = rest - length * bent
        new_size = np.sum(rest**2)
        if new_size < wanted:
            break
        direction = rest + new_size / size * direction
        size = new_size
    return step


def fit_ridge(features: np.ndarray, targets: np.ndarray, ridge: float = 1e-2) -> LinearProbe:
    """Fits ridge regression: mean squared error + ridge |W|^2, bias unpenalised.

    Args:
        features: NumPy `[N, F]`.
        targets: NumPy `[N, C]`.
        ridge: penalty > 0 on weights of standardised features.

    Returns:
        The regression at the minimum, in closed form.

    Raises:
        ValueError: an argument has the wrong shape or the ridge is not positive.
    """
    x, mean, spread = _standardise(features)
    targets = np.asarray(targets, np.float64)
    if targets.ndim != 2 or len(targets) != len(x):
        raise ValueError(
            f"Targets must be [{len(x)}, C], but have the shape {list(targets.shape)}."
        )
    if not ridge > 0:
        raise ValueError(
            f"ridge is {ridge}; give a positive penalty, the minimum is not unique else."
        )
    bias = targets.mean(axis=0)
    count, width = x.shape
    if width <= count:
        weights = np.linalg.solve(x.T @ x + count * ridge * np.eye(width), x.T @ (targets - bias))
    else:
        dual = np.linalg.solve(x @ x.T + count * ridge * np.eye(count), targets - bias)
        weights = x.T @ dual
    return LinearProbe(mean, spread, weights, bias)


def _folds(groups):
    """Fold of each example; a group, that is a person, is never on both sides."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    return index % min(_NUM_FOLDS, index.max() + 1)


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
    folds = _folds(np.arange(len(labels)) if groups is None else groups)
    if folds.max() == 0:
        raise ValueError("All training examples are of one group; give ridge, or more groups.")
    hits = []
    for ridge in RIDGES:
        right = np.zeros(len(labels))
        for fold in range(folds.max() + 1):
            kept = folds != fold
            probe = fit_classifier(features[kept], labels[kept], ridge)
            right[~kept] = probe.values(features[~kept]).argmax(axis=1) == labels[~kept]
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
