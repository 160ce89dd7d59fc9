"""What stands around a drawing, as HTML: title, what varied, what was found, the legend, what was left out.

Every text is escaped here, whatever it came from.
"""

from __future__ import annotations

from html import escape

from pruneviz.views.marks import Key, Picture
from pruneviz.views.palette import ink
from pruneviz.views.text import elide

LONGEST_KEY = 40  # characters of a legend's label; the whole is shown by the pointer

CSS = """
:host, .bk-clearfix { display: block; width: 100%; }
.pv { font-family: inherit; color: var(--pv-ink); line-height: 1.45; }
.pv h3 { font-size: 16px; font-weight: 600; margin: 0; letter-spacing: -0.005em; }
.pv p { margin: 3px 0 0; font-size: 13px; color: var(--pv-soft); max-width: 96ch; overflow-wrap: anywhere; }
.pv p.found { color: var(--pv-ink); font-size: 14px; margin-top: 6px; }
.pv p.found + p:not(.found) { margin-top: 6px; }
.pv .legend, .pv .group { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12.5px; }
.pv .legend { margin: 10px 0 2px; gap: 4px 28px; }
.pv .legend .heading { color: var(--pv-soft); font-weight: 600; }
.pv .legend span { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
.pv .empty { display: flex; align-items: center; justify-content: center; text-align: center; padding: 24px;
  border: 1px dashed var(--pv-faint); border-radius: 8px; color: var(--pv-soft); font-size: 14px; margin-top: 10px; }
.pv svg { flex: none; }
"""


def heading(picture: Picture, theme: str, heard: bool = False) -> str:
    """Title, subtitle, findings and legend, or the title and why there is nothing to see.

    Args:
        picture: any picture.
        theme: ``light`` or ``dark``.
        heard: whether somebody hears of clicks in it.
    """
    body = f"<h3>{escape(picture.title)}</h3>"
    if picture.empty:
        height = max(picture.height // 2, 120)
        body += f'<div class="empty" role="status" style="min-height:{height}px">{escape(picture.empty)}</div>'
        return _wrapped(body, theme)
    body += "".join(f'<p class="found">{escape(s)}</p>' for s in picture.sentences)
    below = " ".join(filter(None, (picture.subtitle, picture.hint if heard else "")))
    body += f"<p>{escape(below)}</p>" if below else ""
    if picture.legend:
        body += f'<div class="legend">{_groups(picture.legend, theme)}</div>'
    return _wrapped(body, theme)


def footing(picture: Picture, theme: str) -> str:
    """What was left out, and by what rule; empty where nothing was."""
    notes = "".join(f"<p>{escape(n)}</p>" for n in picture.notes)
    return _wrapped(notes, theme) if notes and not picture.empty else ""


def _wrapped(body: str, theme: str) -> str:
    inks = "".join(f"--pv-{name}:{ink(name, theme)};" for name in ("ink", "soft", "faint"))
    return f'<div class="pv" style="{inks}">{body}</div>'


def _groups(legend: tuple[Key, ...], theme: str) -> str:
    groups: list[list[str]] = [[]]
    for key in legend:
        if key.kind == "heading":
            groups.append([])
        groups[-1].append(_key(key, theme))
    return "".join(f'<div class="group">{"".join(g)}</div>' for g in groups if g)


def _key(key: Key, theme: str) -> str:
    if key.kind in ("heading", "note"):
        return f'<span class="{key.kind}">{escape(key.label)}</span>'
    label = escape(elide(key.label, LONGEST_KEY))
    whole = f' title="{escape(key.label)}"' if len(key.label) > LONGEST_KEY else ""
    return f"<span{whole}>{_swatch(key, theme)}{label}</span>"


def _swatch(key: Key, theme: str) -> str:
    colour = ink(key.ink, theme)
    width = 30 if key.kind == "line" else 14
    drawn = ""
    if key.kind == "area":
        drawn = f'<rect x="1" y="1" width="12" height="12" rx="2.5" fill="{colour}" fill-opacity="{key.alpha:g}"/>'
        drawn += _hatching(key.hatch, ink("surface", theme))
    if key.kind == "line":
        dash = {"dashed": "7 4", "dotted": "2 3", "dotdash": "8 3 2 3", "dashdot": "12 4"}.get(key.dash, "none")
        drawn = f'<path d="M0 7H30" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
    if key.kind == "point" or (key.kind == "line" and key.marker):
        fill = colour if key.filled else ink("surface", theme)
        drawn += _marker(key.marker, width / 2, f'fill="{fill}" stroke="{colour}" stroke-width="1.4"')
    return f'<svg width="{width}" height="14" viewBox="0 0 {width} 14" aria-hidden="true">{drawn}</svg>'


def _hatching(hatch: str, colour: str) -> str:
    paths = {
        "/": "M1 9L9 1M3 13L13 3M9 13L13 9",
        "x": "M1 9L9 1M3 13L13 3M5 1L13 9M1 3L11 13",
        ".": "M4 4h.1M10 4h.1M7 7h.1M4 10h.1M10 10h.1",
    }
    cap = ' stroke-linecap="round"' if hatch == "." else ""
    width = 2.2 if hatch == "." else 1.2
    return f'<path d="{paths[hatch]}" stroke="{colour}" stroke-width="{width}"{cap}/>' if hatch else ""


def _marker(name: str, x: float, look: str) -> str:
    shapes = {
        "square": (-4, -4, 4, -4, 4, 4, -4, 4),
        "triangle": (0, -5, 4.6, 3.4, -4.6, 3.4),
        "inverted_triangle": (0, 5, 4.6, -3.4, -4.6, -3.4),
        "diamond": (0, -5.4, 4, 0, 0, 5.4, -4, 0),
        "star": (0, -6, 1.5, -2, 5.7, -1.9, 2.4, 0.7, 3.5, 4.9, 0, 2.5, -3.5, 4.9, -2.4, 0.7, -5.7, -1.9, -1.5, -2),
    }
    if name in shapes:
        flat = shapes[name]
        corners = " ".join(f"{x + a:g},{7 + b:g}" for a, b in zip(flat[::2], flat[1::2], strict=True))
        return f'<polygon points="{corners}" {look}/>'
    if name in ("x", "cross"):
        d = f"M{x - 4:g} 3l8 8m0-8l-8 8" if name == "x" else f"M{x - 5:g} 7h10m-5-5v10"
        return f'<path d="{d}" {look}/>'
    return f'<circle cx="{x:g}" cy="7" r="4" {look}/>'
