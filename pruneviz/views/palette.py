"""The colours: names for inks, each with a value in the light and in the dark theme.

The hues of methods were chosen by a search over OKLCH that maximises the least distance between any two of them,
as seen with normal, protanopic, deuteranopic and tritanopic vision (Machado et al., 2009), at a contrast of at least
3 : 1 with the background; ``tests/views/test_palette.py`` computes both again. Colour never stands alone: recoveries
differ in dash and marker, outcomes in hatching and marker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

THEMES = ("light", "dark")

# ink: (in the light theme, in the dark theme)
HUES = (
    ("#234ac0", "#6676f6"),  # blue
    ("#dc7410", "#c86a02"),  # orange
    ("#1fa66a", "#6ae191"),  # green
    ("#872a81", "#ab69b5"),  # purple
    ("#9380fe", "#c8bdfe"),  # lilac
    ("#906306", "#e4a90e"),  # bronze
    ("#017bc0", "#43a5f0"),  # azure
    ("#a40040", "#ff636f"),  # crimson
)
INKS: dict[str, tuple[str, str]] = {
    "ink": ("#1b1f27", "#eceff4"),
    "soft": ("#5b6270", "#a4adba"),
    "faint": ("#e3e6eb", "#2d323b"),
    "surface": ("#ffffff", "#16191f"),
    "dense": ("#1b1f27", "#eceff4"),
    "control": ("#73787f", "#99a0aa"),
    "both-right": ("#b7bdc7", "#5d6675"),
    "both-wrong": ("#6b7280", "#8a93a1"),
    "lost": ("#c2410c", "#ff8552"),
    "gained": ("#0b6fb8", "#58b4ff"),
    "other-wrong": ("#7a3e9d", "#c79be8"),
    "right-fill": ("#dcebf8", "#173350"),
    "wrong-fill": ("#fbe0d3", "#4d2413"),
    "nothing": ("#ffffff", "#16191f"),
}
INKS.update({f"hue-{i}": pair for i, pair in enumerate(HUES)})

# Ramps: colours at equal steps from 0 to 1, mixed in between.
RAMPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "density": (
        ("#eef3fa", "#c3d5ee", "#8fb0de", "#5585c8", "#2a58a5", "#12306b"),
        ("#1d2634", "#25406b", "#2f62a5", "#4a8bd3", "#86b8ee", "#d6e8fd"),
    ),
    "change": (
        ("#a8360a", "#dd7d4e", "#f3c3a8", "#f4f4f5", "#a9cdec", "#4b94cf", "#0a5c9c"),
        ("#ff9a6b", "#c9602f", "#6f351c", "#262b33", "#1d4568", "#2f7fbe", "#7cc4ff"),
    ),
}

STEPS = 5  # inks of numbers in steps, step-0 the lowest
INKS.update({f"step-{i}": (light, dark) for i, (light, dark) in enumerate(zip(*RAMPS["density"], strict=True), -1)})
del INKS["step--1"]  # too near the background for a point


def ink(name: str, theme: str) -> str:
    """The colour of an ink in a theme, as ``#rrggbb``.

    Hues beyond the eighth are the first ones again, in another shade: a hue is then shared, and lines are told apart
    by dash, marker and hover.
    """
    at = THEMES.index(theme)
    if name in INKS:
        return INKS[name][at]
    kind, _, digits = name.rpartition("-")
    shade, pair = (int(digits), INKS["control"]) if kind == "control" else _shaded(int(digits))
    end = 255.0 * ((shade % 2 == 0) == (theme == "light"))
    base = _rgb(pair[at])
    return _hex(base + 0.4 * (end - base))


def _shaded(hue: int) -> tuple[int, tuple[str, str]]:
    return hue // len(HUES), HUES[hue % len(HUES)]


def ramp(name: str, values: npt.NDArray[np.float64], theme: str) -> list[str]:
    """The colours at places in [0, 1] of a ramp; the background for NaN."""
    stops = np.array([_rgb(c) for c in RAMPS[name][THEMES.index(theme)]])
    at = np.clip(np.nan_to_num(values, nan=0.0), 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    mixed = np.stack(channels, axis=-1)
    return [_hex(m) if np.isfinite(v) else ink("nothing", theme) for m, v in zip(mixed, values, strict=True)]


def text_on(colours: Iterable[str]) -> list[str]:
    """Black or white, whichever reads better on each colour."""
    return ["#000000" if _luminance(c) > 0.179 else "#ffffff" for c in colours]


def method_inks(methods: Sequence[str], controls: Iterable[str] = ()) -> dict[str, str]:
    """One ink for each method, by the order in which the study names them: the same in every picture.

    Args:
        methods: the ``method`` column of all planned runs, in order.
        controls: those of them that are random controls.
    """
    names = dict.fromkeys(methods)
    greys = [m for m in names if m in set(controls)]
    hued = [m for m in names if m != "dense" and m not in greys]
    inks = {m: f"control-{i}" if i else "control" for i, m in enumerate(greys)}
    inks.update({m: f"hue-{i}" for i, m in enumerate(hued)})
    return {m: inks.get(m, "dense") for m in names}


def _rgb(colour: str) -> npt.NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def _hex(rgb: npt.NDArray[np.float64]) -> str:
    r, g, b = (round(v) for v in np.clip(rgb, 0, 255))
    return f"#{r:02x}{g:02x}{b:02x}"


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    c = _rgb(colour) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))
