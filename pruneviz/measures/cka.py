"""Linear centred kernel alignment: how alike two representations of the same images are.

CKA is the cosine between two centred Gram matrices, so it does not see rotations, reflections or scales of the
features, and needs no correspondence between them. With the usual (biased) estimate of HSIC, independent features look
the more alike the wider they are for the number of images (200 images, width 1,600: about .89); the unbiased estimate
is about 0 then, and may be just below it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST = 4  # images: the unbiased estimate divides by n − 3
_ROUNDING = 1e-10  # of what a Gram matrix is summed from: a smaller norm is a constant's


def linear_cka(x: Floats, y: Floats, *, unbiased: bool) -> float:
    """Linear CKA of two representations of the same images (Kornblith et al. 2019, section 3).

    Args:
        x: (n, d1), a row for each image.
        y: (n, d2), the same images in the same order.
        unbiased: HSIC as Song et al. 2012 estimate it (needs n ≥ 4), so that wide features do not look alike by
            chance (Nguyen et al. 2021); else the biased estimate, as published first.

    Returns:
        1 for features that differ by a rotation, a scale and a shift only; in [0, 1] biased, in [−1, 1] unbiased,
        where independent features give about 0. NaN where either is the same for all images.

    Raises:
        ValueError: the images differ in number or are too few, or features are not finite.
    """
    return float(cka_matrix([x], [y], unbiased=unbiased)[0, 0])


def cka_matrix(xs: Sequence[Floats], ys: Sequence[Floats], *, unbiased: bool) -> Floats:
    """:func:`linear_cka` of each of some representations with each of some others.

    Args:
        xs: A arrays (n, d), of widths that may differ.
        ys: B arrays (n, d), of the same n images.
        unbiased: see :func:`linear_cka`.

    Returns:
        (A, B).

    Raises:
        ValueError: as :func:`linear_cka`.
    """
    counts = {len(features) for features in (*xs, *ys)}
    if len(counts) > 1:
        raise ValueError(f"representations of {sorted(counts)} images cannot be compared; give the same images")
    left, right = ([direction(f, unbiased=unbiased) for f in each] for each in (xs, ys))
    return cosines(left, right)


def direction(features: Floats, *, unbiased: bool) -> Floats:
    """The centred Gram matrix of a representation as a unit vector: the CKA of two of them is their product.

    Computing it takes most of the time, so it is to be kept where a representation is compared more than once.

    Args:
        features: (n, d), finite.
        unbiased: with an empty diagonal and U-centred, whose inner product is n (n − 3) times the unbiased HSIC
            (Székely & Rizzo 2014, section 2); else doubly centred.

    Returns:
        (n²,), of length 1; all NaN where the features are the same for all images.

    Raises:
        ValueError: too few images, or features are not finite.
    """
    x = np.asarray(features, np.float64)
    least = LEAST if unbiased else 2
    if x.ndim != 2 or len(x) < least:
        raise ValueError(f"features of shape {x.shape}; allowed: (images, features) of at least {least} images")
    if not np.isfinite(x).all():
        raise ValueError("features must be finite; NaN or infinite ones are like nothing")
    x = x - x.mean(axis=0)  # changes no CKA, and keeps what is large and common from drowning what differs
    largest = float(np.abs(x).max(initial=0.0))
    if largest == 0:
        return np.full(len(x) ** 2, math.nan)
    x /= largest
    gram = x @ x.T
    scale = float(np.abs(gram).max())
    centred = (_u_centred(gram) if unbiased else _centred(gram)).reshape(-1)
    norm = float(np.linalg.norm(centred))
    if norm <= _ROUNDING * scale * len(x):
        return np.full(len(x) ** 2, math.nan)
    return centred / norm


def cosines(left: Sequence[Floats], right: Sequence[Floats]) -> Floats:
    """The CKA of each of some representations with each of others, given by their :func:`direction`; (A, B)."""
    found: Floats = np.array([[float(a @ b) for b in right] for a in left]).reshape(len(left), len(right))
    return np.clip(found, -1.0, 1.0)


def _centred(gram: Floats) -> Floats:
    rows = gram.mean(axis=0)
    centred: Floats = gram - rows - rows[:, None] + gram.mean()
    return centred


def _u_centred(gram: Floats) -> Floats:
    """Without the diagonal, each row then summing to 0."""
    n = len(gram)
    np.fill_diagonal(gram, 0.0)
    rows = gram.sum(axis=0) / (n - 2)
    centred: Floats = gram - rows - rows[:, None] + gram.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    return centred
