"""The one way to corrupt pictures."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError, unknown
from pruneviz.data.corruptions.pixels import Pictures
from pruneviz.data.corruptions.registry import CORRUPTIONS, SETS, SEVERITIES, Corruption
from pruneviz.data.corruptions.streams import Streams, Words

_AT_ONCE = 1 << 18  # values: what is worked on together fits into a processor's cache
_MORE_AT_ONCE = {"spatter": 1 << 22, "fog": 1 << 21}  # these go row by row or scale by scale, in small steps
_LEAST_SIDE = 8
_LUMA = (299, 587, 114)  # thousandths (ITU-R BT.601)


def corrupt(
    images: npt.ArrayLike,
    name: str,
    severity: int,
    *,
    constants: str = "cifar10-c",
    sample_ids: Iterable[object] | None = None,
    seed: int = 0,
) -> Pictures:
    """Corrupt pictures as CIFAR-10-C or ImageNet-C do.

    A picture's corruption depends on its pixels, its id, the name, the severity and the seed alone: it is the same in
    any batch, order or process. Grey pictures are corrupted as they are where the definition does not speak of colour,
    and otherwise (frost, spatter, saturate) as coloured ones of three equal channels whose luma is taken afterwards.
    Lengths are in pixels, as in the constants, and do not grow with a picture; those of ``elastic_transform`` do.

    Args:
        images: uint8 (N, H, W, C) or (N, H, W), with C 1 or 3 and sides of at least 8.
        name: one of ``CORRUPTIONS``.
        severity: 1 to 5, or 0 for none.
        constants: which set of constants the severity means.
        sample_ids: N names (anything with a text) by which pictures are told apart; absent: their positions 0 … N − 1.
            Equal ids get equal random numbers.
        seed: another one makes other random numbers.

    Returns:
        uint8 of the same shape, sharing no memory with ``images``.

    Raises:
        SpecError: something else was given, naming what is allowed.

    Reference:
        Hendrycks and Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (ICLR 2019), and the scripts that made CIFAR-10-C and ImageNet-C.
    """
    pictures = _pictures(images)
    entry, level, ids = _asked(name, severity, constants, sample_ids, seed, len(pictures))
    if level == 0:
        return pictures.copy()
    grey = pictures.ndim == 3
    batch = pictures[..., None] if grey else pictures
    as_colour = entry.coloured and batch.shape[3] == 1
    terms = entry.constants[constants][level - 1]
    make, streams = _maker(name), Streams(f"{name} {level}", seed)
    made = np.empty_like(batch, order="C")
    step = max(1, _MORE_AT_ONCE.get(name, _AT_ONCE) // max(1, math.prod(batch.shape[1:])))
    for start in range(0, len(batch), step):
        part = slice(start, start + step)

        def draw(count: int, some: Sequence[str] = ids[part]) -> Words:
            return streams.words(some, count)

        given = np.ascontiguousarray(batch[part])
        given = given.repeat(3, axis=3) if as_colour else given
        done = make(given, terms, draw) if entry.random else make(given, terms)
        made[part] = _luma(done) if as_colour else done
    return made[..., 0] if grey else made


def _luma(images: Pictures) -> Pictures:
    red, green, blue = (images[..., i : i + 1] * np.int32(share) for i, share in enumerate(_LUMA))
    luma: Pictures = ((red + green + blue + 500) // 1000).astype(np.uint8)
    return luma


@functools.cache
def _maker(name: str) -> Callable[..., Pictures]:
    """The function that makes a corruption; what it needs is imported when it is first asked for."""
    module = importlib.import_module(f"{__package__}.{CORRUPTIONS[name].home}")
    made: Callable[..., Pictures] = getattr(module, name)
    return made


def _pictures(images: npt.ArrayLike) -> Pictures:
    pictures = np.asarray(images)
    where = "corrupt: images"
    allowed = "uint8 (N, H, W, C) or (N, H, W), with C 1 or 3 and sides of at least 8"
    form = f"{pictures.dtype} {pictures.shape}"
    if pictures.dtype != np.uint8:
        remedy = "Give pixels in 0..255 as uint8; tensors that are normalised already are no pixels any more."
        raise SpecError(where, form, allowed, remedy)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[3] not in (1, 3)):
        remedy = "Move the channels to the end." if pictures.ndim == 4 and pictures.shape[1] in (1, 3) else ""
        raise SpecError(where, form, allowed, remedy)
    if min(pictures.shape[1:3]) < _LEAST_SIDE:
        single = pictures.ndim == 3 and pictures.shape[2] in (1, 3)
        raise SpecError(where, form, allowed, "For one picture write images[None]." if single else "")
    return pictures


def _asked(
    name: str, severity: int, constants: str, sample_ids: Iterable[object] | None, seed: int, count: int
) -> tuple[Corruption, int, list[str]]:
    if not isinstance(name, str) or name not in CORRUPTIONS:
        raise unknown("corrupt: name", name, CORRUPTIONS)
    if constants not in SETS:
        raise unknown("corrupt: constants", constants, SETS)
    whole = isinstance(severity, (int, np.integer)) and not isinstance(severity, bool)
    if not whole or severity not in (0, *SEVERITIES):
        raise SpecError("corrupt: severity", severity, "1, 2, 3, 4, 5, or 0 for none")
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise SpecError("corrupt: seed", seed, "a whole number")
    ids = [str(i) for i in (range(count) if sample_ids is None else sample_ids)]
    if len(ids) != count:
        raise SpecError("corrupt: sample_ids", f"{len(ids)} ids", f"as many as there are images, {count}")
    return CORRUPTIONS[name], int(severity), ids
