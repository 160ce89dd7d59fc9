"""The palette's claims, computed again: told apart by everybody, and seen on its background."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pruneviz.views.outcomes import OUTCOMES
from pruneviz.views.palette import HUES, INKS, RAMPS, THEMES, ink, method_inks, ramp, text_on

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return to_lab @ np.cbrt(to_lms @ np.clip(rgb, 0, 1))


def distance(a: str, b: str, vision: str) -> float:
    seen = np.array(VISION[vision])
    return float(np.linalg.norm(oklab(seen @ linear(a)) - oklab(seen @ linear(b))))


def contrast(a: str, b: str) -> float:
    y = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (y[1] + 0.05) / (y[0] + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_hues_are_told_apart(theme: str, vision: str) -> None:
    colours = [ink(f"hue-{i}", theme) for i in range(len(HUES))] + [ink("control", theme)]
    least = min(distance(a, b, vision) for a, b in itertools.combinations(colours, 2))
    assert least > 0.055


@pytest.mark.parametrize("theme", THEMES)
def test_hues_and_words_are_seen_on_the_background(theme: str) -> None:
    background = ink("surface", theme)
    for i in range(len(HUES)):
        assert contrast(ink(f"hue-{i}", theme), background) >= 3
    assert contrast(ink("ink", theme), background) >= 7
    assert contrast(ink("soft", theme), background) >= 4.5
    for fill in ("right-fill", "wrong-fill"):
        assert contrast(ink("ink", theme), ink(fill, theme)) >= 4.5


def test_outcomes_differ_in_more_than_colour() -> None:
    assert len({(o.marker, o.filled) for o in OUTCOMES}) == len(OUTCOMES)
    flipped = [o for o in OUTCOMES if o.change.name.count("TO")]
    assert len({o.hatch for o in flipped}) == len(flipped) == 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", RAMPS)
def test_numbers_in_cells_are_read(theme: str, name: str) -> None:
    cells = ramp(name, np.linspace(0, 1, 41), theme)
    assert min(contrast(c, t) for c, t in zip(cells, text_on(cells), strict=True)) >= 4.5
    assert ramp(name, np.array([np.nan]), theme) == [ink("nothing", theme)]


def test_one_ink_for_each_method_whatever_is_shown() -> None:
    methods = ["dense", "random", "magnitude", "taylor", "magnitude", "random(unit=channel)"]
    inks = method_inks(methods, ["random", "random(unit=channel)"])
    assert inks["dense"] == "dense"
    assert inks["random"] == "control"
    assert inks["magnitude"] != inks["taylor"]
    assert len(set(inks.values())) == len(inks)
    assert method_inks([*methods, "snip"], ["random", "random(unit=channel)"]).items() >= inks.items()


@pytest.mark.parametrize("theme", THEMES)
def test_more_methods_than_hues_still_get_colours(theme: str) -> None:
    colours = {ink(i, theme) for i in method_inks([f"m{i}" for i in range(16)]).values()}
    assert len(colours) == 16
    assert all(len(c) == 7 for c in colours)
    assert INKS.keys() >= {o.ink for o in OUTCOMES}
