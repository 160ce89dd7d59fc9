"""What the opening page says: what the study holds, what was found, how to begin."""

from __future__ import annotations

from collections.abc import Mapping

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import MOST_MODELS
from pruneviz.views.findings import Holdings, holdings
from pruneviz.views.text import elide, listed, plain, several
from pruneviz_apps.explorer import fragments

SAID = 1  # sentences of each analysis on this page
FEW = 6  # sentences of the study as a whole: one of many models has dozens
NOTHING_YET = "There is nothing in this study yet. To begin:"
NOTHING_FOUND = "Nothing can be said yet: no pruned model has been measured."
BEGIN = (
    ("See it work on real images, in two minutes:", "pruneviz demo"),
    ("Prune your own model: write a study file, and run it:", "pruneviz run my_study.toml --store runs/mine"),
    ("What there is to choose from:", "pruneviz methods"),
)


def said(findings: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The first sentences of each analysis, and where the others are."""
    first = [f"{plain(name)}: {text}" for name, texts in findings.items() for text in texts[:SAID]]
    more = {name: len(texts) - SAID for name, texts in findings.items() if len(texts) > SAID}
    if more:
        of = listed(f"{n:,} of {plain(name)}" for name, n in more.items())
        first.append(f"{several(sum(more.values()), 'more finding')} on the page Analyses: {of}.")
    return first


def was_found(own: tuple[str, ...], findings: Mapping[str, tuple[str, ...]]) -> str:
    """What was found, as HTML: of the study as a whole and by its analyses; of many sentences, most open on a click."""
    sentences = fragments.sentences((*own[:FEW], *said(findings))) or fragments.note(NOTHING_FOUND)
    more = fragments.folded_sentences(several(len(own) - FEW, "more finding"), own[FEW:])
    return fragments.section("What was found") + sentences + more


def summary(h: Holdings) -> str:
    """What it holds, in a sentence."""
    if not (h.methods or h.controls):
        return f"{several(h.dense, 'dense model')} of {_few(h.models)}; nothing is pruned in this study."
    if h.targets == (AS_GIVEN,):
        return (
            f"{several(len(h.methods), 'model')} as given, beside {several(h.dense, 'reference')}; none is pruned here."
        )
    dense, targets = several(h.dense, "dense model"), several(len(h.targets), "target")
    how = f"by {several(len(h.methods), 'method')}{_controls(h, ' and ')}" if h.methods else "at random"
    return f"{dense} of {_few(h.models)}, pruned {how} at {targets}."


def comparison(compared: int) -> str:
    """How many models are compared, in a sentence."""
    return f"Compared with it: {compared} of at most {MOST_MODELS}" if compared else "Compared with it: nothing yet"


def status(tables: Tables) -> str:
    """How far it is, in a few words."""
    h = holdings(tables)
    parts = [f"{h.done:,} of {h.total:,} runs measured"] if h.waiting or h.failed else [several(h.done, "run")]
    parts += [f"{h.failed:,} failed"] if h.failed else []
    return " · ".join(parts)


def tiles(h: Holdings) -> list[tuple[str, str, str]]:
    """The same in numbers: value, what it counts, details."""
    left = [several(h.failed, "failed", "failed")] if h.failed else []
    left += [f"{h.waiting:,} to come"] if h.waiting else []
    state, runs = listed(left) if left else "none failed, none to come", several(h.total, "run")
    return [
        (f"{h.done:,}", f"{_word(h.done, 'run')} measured" if h.done == h.total else f"of {runs} measured", state),
        (str(h.dense), _word(h.dense, "dense model"), _few(h.models)),
        (str(len(h.methods)), _word(len(h.methods), "method"), _few(h.methods) + _controls(h, "; beside ")),
        (str(len(h.targets)), _word(len(h.targets), "target"), _few(h.targets)),
        (str(len(h.recoveries)), _word(len(h.recoveries), "recovery", "recoveries"), _few(h.recoveries)),
    ]


def _controls(h: Holdings, beside: str) -> str:
    return f"{beside}{several(len(h.controls), 'random control')}" if h.controls else ""


def _word(count: int, one: str, many: str = "") -> str:
    return one if count == 1 else many or f"{one}s"


def _few(names: tuple[str, ...], most: int = 5) -> str:
    shown = [elide(n, 28) for n in names[:most]]
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return listed([*shown, *more])
