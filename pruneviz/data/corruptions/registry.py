"""The catalogue of corruptions and their constants, by name. Nothing here imports more than Python itself.

The constants are those with which CIFAR-10-C and ImageNet-C were made; what each means stands in the function that
takes it, named by ``home``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

REFERENCE = (
    "Hendrycks and Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and Perturbations "
    "(ICLR 2019)"
)
FAMILIES = ("noise", "blur", "weather", "digital", "extra")
SETS = ("cifar10-c", "imagenet-c")
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """A corruption as a person or another module needs to know it.

    Attributes:
        name: its name in CIFAR-10-C.
        family: ``noise``, ``blur``, ``weather`` or ``digital``; ``extra`` for the four that the benchmark holds back
            for validation.
        random: whether it draws random numbers; one that does not is the same for every sample id and seed.
        summary: one clause.
        home: the module of this package that makes it, in a function of its name.
        constants: by set (``cifar10-c``, ``imagenet-c``), what severities 1 to 5 mean.
        coloured: whether it adds or changes colour; a grey picture is then corrupted as a coloured one of equal
            channels, and becomes grey again by its luma.
        faithful: whether it is made as the published pictures were; where not, it is reported apart.
        reference: where it is defined.
    """

    name: str
    family: str
    random: bool
    summary: str
    home: str
    constants: Mapping[str, tuple[Any, ...]]
    coloured: bool = False
    faithful: bool = True
    reference: str = REFERENCE


def _corruption(
    name: str,
    family: str,
    home: str,
    summary: str,
    cifar: tuple[Any, ...],
    imagenet: tuple[Any, ...],
    *,
    random: bool = False,
    coloured: bool = False,
    faithful: bool = True,
) -> Corruption:
    constants = MappingProxyType(dict(zip(SETS, (cifar, imagenet), strict=True)))
    return Corruption(name, family, random, summary, home, constants, coloured, faithful)


_ALL = (
    _corruption(
        "gaussian_noise",
        "noise",
        "noise",
        "normal noise of one standard deviation, as from weak light",
        (0.04, 0.06, 0.08, 0.09, 0.10),
        (0.08, 0.12, 0.18, 0.26, 0.38),
        random=True,
    ),
    _corruption(
        "shot_noise",
        "noise",
        "noise",
        "Poisson noise, as from counting photons",
        (500, 250, 100, 75, 50),
        (60, 25, 12, 5, 3),
        random=True,
    ),
    _corruption(
        "impulse_noise",
        "noise",
        "noise",
        "values replaced by black or white, as from faulty bits",
        (0.01, 0.02, 0.03, 0.05, 0.07),
        (0.03, 0.06, 0.09, 0.17, 0.27),
        random=True,
    ),
    _corruption(
        "defocus_blur",
        "blur",
        "blur",
        "every point becomes a disk, as out of focus",
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    _corruption(
        "glass_blur",
        "blur",
        "glass",
        "pixels shuffled within a small neighbourhood, as through frosted glass",
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        random=True,
    ),
    _corruption(
        "motion_blur",
        "blur",
        "motion",
        "smeared along one direction, as by a moving camera",
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        random=True,
    ),
    _corruption(
        "zoom_blur",
        "blur",
        "zoom",
        "the mean of ever closer views, as when moving towards the scene",
        ((1, 1.06, 0.01), (1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.01), (1, 1.26, 0.01)),
        ((1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)),
    ),
    _corruption(
        "snow",
        "weather",
        "snow",
        "falling flakes before a whitened scene",
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        random=True,
    ),
    _corruption(
        "frost",
        "weather",
        "frost",
        "ice crystals on the lens; the crystals are made here, the published pictures used photographs",
        ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        random=True,
        coloured=True,
        faithful=False,
    ),
    _corruption(
        "fog",
        "weather",
        "fog",
        "a veil of uneven thickness, made by the diamond-square algorithm",
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        random=True,
    ),
    _corruption(
        "brightness",
        "weather",
        "colour",
        "more light: the value of every pixel raised",
        (0.05, 0.1, 0.15, 0.2, 0.3),
        (0.1, 0.2, 0.3, 0.4, 0.5),
    ),
    _corruption(
        "contrast",
        "digital",
        "colour",
        "less contrast around each channel's mean",
        (0.75, 0.5, 0.4, 0.3, 0.15),
        (0.4, 0.3, 0.2, 0.1, 0.05),
    ),
    _corruption(
        "elastic_transform",
        "digital",
        "elastic",
        "stretched and bent a little, here and there",
        ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        # The published script multiplies by 244 where the side is 224; relative to the side that is 244 / 224.
        tuple(
            tuple(v * 244 / 224 for v in c)
            for c in ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))
        ),
        random=True,
    ),
    _corruption(
        "pixelate",
        "digital",
        "digital",
        "shown in a lower resolution",
        (0.95, 0.9, 0.85, 0.75, 0.65),
        (0.6, 0.5, 0.4, 0.3, 0.25),
    ),
    _corruption(
        "jpeg_compression",
        "digital",
        "digital",
        "compressed and decompressed",
        (80, 65, 58, 50, 40),
        (25, 18, 15, 10, 7),
    ),
    _corruption(
        "speckle_noise",
        "extra",
        "noise",
        "normal noise in proportion to the pixel's value",
        (0.06, 0.1, 0.12, 0.16, 0.2),
        (0.15, 0.2, 0.35, 0.45, 0.6),
        random=True,
    ),
    _corruption(
        "gaussian_blur",
        "extra",
        "blur",
        "blurred by a normal kernel",
        (0.4, 0.6, 0.7, 0.8, 1),
        (1, 2, 3, 4, 6),
    ),
    _corruption(
        "spatter",
        "extra",
        "spatter",
        "drops of water, or at severities 4 and 5 of mud, on the lens",
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ),
        (
            (0.65, 0.3, 4, 0.69, 0.6, 0),
            (0.65, 0.3, 3, 0.68, 0.6, 0),
            (0.65, 0.3, 2, 0.68, 0.5, 0),
            (0.65, 0.3, 1, 0.65, 1.5, 1),
            (0.67, 0.4, 1, 0.65, 1.5, 1),
        ),
        random=True,
        coloured=True,
    ),
    _corruption(
        "saturate",
        "extra",
        "colour",
        "colours faded or strengthened",
        ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
        ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        coloured=True,
    ),
)

CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType({c.name: c for c in _ALL})
