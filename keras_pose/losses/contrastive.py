"""Contrastive loss between two sets of unit rows, one value per row."""

from collections.abc import Callable

from keras import backend, ops

from keras_pose.geometry.shapes import Tensor, as_floating

# A finite stand-in for minus infinity: exp() of it is 0 in float32, and 0 * it is no NaN.
_EXCLUDED = -1e9

Gather = Callable[[Tensor], tuple[Tensor, Tensor]]


def nt_xent(
    first: Tensor,
    second: Tensor,
    temperature: float = 0.5,
    gather: Gather | None = None,
    bank: Tensor | None = None,
) -> Tensor:
    """Return the normalised-temperature cross-entropy: each row must find its partner among all.

    Row i of the 2N rows (first, then second) has the loss
    `log sum_{k != i} exp(z_i . z_k / t) - z_i . z_partner(i) / t`; the partner is in the sum. It is
    computed from logits less their maximum, so that no temperature overflows.

    Args:
        first: unit rows `[N, D]`, any floating dtype.
        second: unit rows `[N, D]`, the partners of `first`.
        temperature: t > 0.
        gather: see `contrastive_logits`.
        bank: see `contrastive_logits`.

    Returns:
        `[2N]` losses >= 0 in nats, float32 (float64 if the rows are); exactly 0 if N = 1 and there
        are no further negatives.

    Reference: PeCLR, section 3.2 and its official code (temperature 0.5); SimCLR, equation 1.

    Example:
        >>> import numpy as np
        >>> from keras_pose.losses import nt_xent
        >>> rows = np.eye(4)
        >>> loss = np.asarray(nt_xent(rows, rows, temperature=0.5))
        >>> bool((loss < np.asarray(nt_xent(rows, rows[::-1].copy(), temperature=0.5))).all())
        True
    """
    return rows_cross_entropy(*contrastive_logits(first, second, temperature, gather, bank))


def contrastive_logits(
    first: Tensor,
    second: Tensor,
    temperature: float = 0.5,
    gather: Gather | None = None,
    bank: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the similarity of each row to every candidate, over the temperature.

    Args:
        first: unit rows `[N, D]`, any floating dtype.
        second: unit rows `[N, D]`, the partners of `first`.
        temperature: t > 0.
        gather: None, or a function from this replica's rows `[2N, D]` to `(rows, start)`: the rows of
            all replicas `[M, D]`, with gradient, and the position of this replica's rows among them.
        bank: None, or further negatives `[K, D]`, which get no gradient; a row of zeros is an empty
            place and no negative.

    Returns:
        `(logits [2N, M + K], partner int32 [2N])`: a row's similarity to itself is excluded by a very
        low value; `partner` is the column of each row's partner. Logits are float32 (float64 if the
        rows are).

    Reference: PeCLR official code; the bank follows Wang et al. 2020, Cross-Batch Memory.
    """
    first, second = as_floating(first, second)
    # Half precision cannot tell similarities near 1 apart.
    dtype = backend.result_type(first.dtype, "float32")
    rows = ops.cast(ops.concatenate([first, second], axis=0), dtype)
    num_pairs, num_rows = ops.shape(first)[0], ops.shape(rows)[0]
    candidates, start = (rows, 0) if gather is None else gather(rows)
    logits = ops.matmul(rows, ops.transpose(candidates)) / temperature
    position = ops.arange(num_rows, dtype="int32")
    itself = position + start
    partner = (position + num_pairs) % num_rows + start
    columns = ops.arange(ops.shape(candidates)[0], dtype="int32")
    excluded = ops.convert_to_tensor(_EXCLUDED, dtype=dtype)
    logits = ops.where(columns[None, :] == itself[:, None], excluded, logits)
    if bank is not None:
        bank = ops.stop_gradient(ops.cast(bank, dtype))
        is_empty = ops.all(bank == 0, axis=-1)
        further = ops.matmul(rows, ops.transpose(bank)) / temperature
        logits = ops.concatenate([logits, ops.where(is_empty, excluded, further)], axis=-1)
    return logits, partner


def rows_cross_entropy(logits: Tensor, partner: Tensor) -> Tensor:
    """Return the cross-entropy of each row of logits against the column of its partner.

    Args:
        logits: float `[R, C]`.
        partner: int `[R]`.

    Returns:
        float `[R]` in nats: `logsumexp(logits) - logits[partner]`.

    Reference: PeCLR official code (NT-Xent).
    """
    return ops.sparse_categorical_crossentropy(partner, logits, from_logits=True)
