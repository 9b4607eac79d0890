"""What every embedder does with texts and vectors, whatever its engine."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memory_store.errors import Unavailable


def readable(text: str, most: int) -> str:
    """The first characters of a text, as UTF-8 without NUL: engines stop at the first, or refuse half a pair."""
    return text[:most].replace("\0", " ").encode(errors="replace").decode()


def units(answer: ArrayLike, *, rows: int, dim: int, whose: str) -> NDArray[np.float32]:
    """An engine's answer as (rows, dim) unit vectors, each normalised by itself.

    Raises Unavailable where it is anything else: filed, it would be found by nothing or by everything.
    """
    try:
        vectors = np.asarray(answer, dtype=np.float32).reshape(rows, -1 if rows else dim)
    except (ValueError, TypeError) as exc:
        raise Unavailable(f"{whose} did not answer with {rows} vectors of one length.") from exc
    if vectors.shape[1] != dim:
        raise Unavailable(f"{whose} answered with vectors of {vectors.shape[1]} numbers instead of {dim}.")
    lengths = [float(np.linalg.norm(vector.astype(np.float64))) for vector in vectors]
    if not all(np.isfinite(length) and length > 0 for length in lengths):
        raise Unavailable(f"{whose} answered with a vector that has no direction.")
    unit = [vector / np.float32(length) for vector, length in zip(vectors, lengths, strict=True)]
    return np.array(unit, dtype=np.float32).reshape(rows, dim)
