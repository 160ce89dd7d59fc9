"""Writes docs/methods.md from the catalogue: ``python docs/build_methods.py``. A test holds the page to it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pruneviz.core.options import describe as options_of
from pruneviz.pruning import RECIPES, Recipe, describe
from pruneviz.pruning.parts import Part
from pruneviz.signatures import NONE as NO_SIGNATURE
from pruneviz.training.recoveries import RECOVERIES

PAGE = Path(__file__).with_name("methods.md")

INTRO = """\
# Pruning methods

<!-- Written by docs/build_methods.py from the catalogue; edit the methods, not this page. -->

    method = unit × score × allocation × schedule × update × recovery

Each method is a named composition of these parts, with its paper's defaults. In a study any part can be replaced and
any option set: `methods = ["snip", {name = "taylor", allocation = "uniform", unit = "channel"}]`. `pruneviz methods`
lists the same in the terminal, `pruneviz methods --where unit=channel --where needs=activations` a part of it, and
`pruneviz methods NAME` one in full.

How to read the table:

- **when** is when the paper prunes. A study prunes the dense model that it has trained or loaded, so scores are taken
  there; `scratch` and `weight-rewind` then train the pruned network as if it had been pruned from the start. A method
  that says *from step k*, and any other with `at = k`, prunes the weights that the dense training had after step k
  (0: its initial weights; `keep_steps = [k]` under `[train]` keeps them).
- **needs**: statistics of training images, gathered in one pass for all scores that ask for the same kind.
- **recovered**: what the method itself does about the loss; *study* means that the study's `recoveries` are crossed
  with it.
- Where **differs** says *paper-described variant*, only the abstract or the idea was at hand, and the entry says what
  was chosen.
- Every method is tested on five architectures (perceptron, CNN, LeNet-5, ResNet-8, vision transformer) for the same
  promises: exactly as much as asked, the same mask from the same seed, nothing changed at ratio 0, no layer emptied
  unnamed, a cut model equal to the masked one. What it cannot do it refuses before anything is trained.
"""

SIGNATURES = """\
## Signatures

For each method, an experiment that looks for the effect its paper claims, at the scale of the sample models; a method's
entry below has it in full. The claim is a range for one number, and the verdict compares the number's 95 % interval
with it: *shows* (the interval lies within the claim), *contradicts* (it lies outside) or *unresolved*. What contradicts
a paper's claim here says nothing of the scale at which the paper made it.

Differences are paired by dense model, and intervals are Student's over dense models, the test images being the same
throughout; with fewer than five dense models there are points only. What is given over models, without an interval, is
a fact of those models. Each interval stands for itself: of many claims that something is more or less, made without any
such effect, one in forty would show. Nothing was tuned until an effect showed; where something further was tried, both
are given. `make science ARGS="-k NAME"` makes one again, `pruneviz methods --where signature=contradicts` finds methods
by what came out.

"""

OWN = """\
## Your own score

A score gives every weight, filter or channel a number; the smallest are removed. These lines, imported before the study
runs, make one, and a method of its name:

```python
from dataclasses import dataclass

from pruneviz.pruning import Given, Score, Scores, register_score


@register_score
@dataclass(frozen=True)
class Distance(Score):
    name = "distance-to-one"
    summary = "how far the weight is from 1"

    def __call__(self, given: Given) -> Scores:
        return Scores(given.weights, each=lambda w: (w - 1).abs())
```

It then stands in `pruneviz methods` and can be chosen as `methods = ["distance-to-one"]`, or as the score of another
method: `{name = "l1-filter", score = "distance-to-one"}`. Options are dataclass fields made with
`pruneviz.core.options.option`. A score that needs data says so with `needs = frozenset({"gradients"})` and finds it in
`given.gathered("gradients")`; the kinds are listed below. Hold it to what every method promises, in a test:

    from pruneviz.testing import check_method

    def test_my_score():
        check_method("distance-to-one")

A package announces its methods in the entry-point group `pruneviz.methods`; the value is a score, a
`pruneviz.pruning.Recipe`, or a module that registers its own:

    [project.entry-points."pruneviz.methods"]
    distance = "my_package.scores:Distance"

Import torch inside functions only, since the catalogue is listed without it. A step's key holds a digest of the file
that a foreign score stands in, so results are made anew when it changes.
"""


def page() -> str:
    """The whole page."""
    told = {name: describe(recipe) for name, recipe in RECIPES.items()}
    blocks = [
        INTRO,
        "## All methods\n\n" + _table(("method", *_FACETS), (_row(name, d) for name, d in told.items())),
        "## Statistics\n\n" + _statistics(),
        "## Recoveries\n\n" + _recoveries(),
        SIGNATURES + _signatures(told),
        OWN,
        "## One by one\n",
        *(_entry(name, RECIPES[name], d) for name, d in told.items()),
        "## The parts\n",
        *(_part(kind, part) for kind in ("score", "allocation", "schedule", "update") for part in _used(kind)),
    ]
    return "\n".join(blocks)


_VERDICTS = {"shows": "show what is claimed", "contradicts": "contradict it", "unresolved": "are unresolved"}


def _signatures(told: dict[str, dict[str, Any]]) -> str:
    from pruneviz.signatures import path, read

    found = read(path())
    rows = (
        (f"`{s.name}`", ", ".join(_linked(m) for m in s.methods), s.verdict, s.found, s.expected, s.quantity)
        for s in found
    )
    counts = [f"{sum(s.verdict == v for s in found)} {words}" for v, words in _VERDICTS.items()]
    summary = f"Of {len(found)} signatures {', '.join(counts[:-1])} and {counts[-1]}.\n\n"
    missing = [f"[{name}](#{name})" for name, d in told.items() if d["reference"] and not d["signature"]]
    table = _table(("signature", "methods", "verdict", "found (95 %)", "claimed", "what"), rows)
    return summary + table + (f"\nNo signature experiment yet: {', '.join(missing)}.\n" if missing else "")


def _linked(method: str) -> str:
    return f"[{method}](#{'recoveries' if method in RECOVERIES else method})"


_FACETS = ("what", "when", "score", "allocated", "schedule", "recovered", "needs", "what it is")


def _row(name: str, d: dict[str, Any]) -> Sequence[str]:
    recovered = d["recovered"].replace("as the study says", "study")
    facts = (d["unit"], d["when"], d["score"], d["allocation"], d["schedule"], recovered, ", ".join(d["needs"]))
    return (f"[{name}](#{name})", *facts, d["summary"])


def _statistics() -> str:
    from pruneviz.pruning.needs import KINDS

    rows = ((name, kind.summary, kind.cost) for name, kind in KINDS.items())
    return _table(("kind", "what it is", "cost"), rows)


def _recoveries() -> str:
    rows = (
        (name, cls.summary, ", ".join(f"`{o.name}`" for o in options_of(cls)), cls.reference)
        for name, cls in RECOVERIES.items()
    )
    return _table(("recovery", "what it is", "options", "reference"), rows)


def _entry(name: str, recipe: Recipe, d: dict[str, Any]) -> str:
    parts = " × ".join(f"{key} `{part.name}`" for key, part in recipe.parts.items() if part.name != "none")
    lines = [
        f"### {name}\n",
        f"{d['summary'][0].upper()}{d['summary'][1:]}.\n",
        f"    {d['formula']}\n",
        f"- {parts}",
        f"- prunes {d['when']}{f', from step {at}' if (at := d['at']) is not None else ''}; recovered {d['recovered']}",
        f"- costs {d['cost']}",
        f"- faster {d['speedup']}",
    ]
    if d["differs"]:
        lines.append(f"- differs: {d['differs']}")
    if d["reference"]:
        lines.append(f"- {d['reference']}")
        lines += [f"- signature `{key}`: {text}" for key, text in d["signature"].items()] or [f"- {NO_SIGNATURE}"]
    if d["options"]:
        rows = ((f"`{k}`", _text(o["default"]), o["allowed"], o["doc"]) for k, o in d["options"].items())
        lines += ["", _table(("option", "default", "allowed", "what it is"), rows).rstrip()]
    return "\n".join(lines) + "\n"


def _used(kind: str) -> list[type[Part]]:
    """The parts of a kind that methods are made of."""
    found = {type(recipe.parts[kind]) for recipe in RECIPES.values()}
    return sorted((part for part in found if part.name != "none"), key=lambda part: part.name)


def _part(kind: str, part: type[Part]) -> str:
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.getdoc(part) or "").replace("``", "`")
    return f"### {kind} {part.name}\n\n{text}\n"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    shown = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *shown)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(RECIPES)} methods")
