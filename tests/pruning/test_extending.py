"""Other people's methods: registered in ten lines, or announced by an installed package."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pruneviz import pruning
from pruneviz.core.errors import PrunevizError, SpecError
from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning import Given, Score, Scores, extending, register_score
from pruneviz.pruning.recipes import RECIPES
from pruneviz.pruning.scores import SCORES
from pruneviz.testing import BrokenPromise, check_method
from pruneviz_apps import cli


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone after it."""
    assert len(RECIPES)  # looked through once, so that what is announced does not count as this test's
    monkeypatch.setattr(RECIPES, "_recipes", dict(RECIPES._recipes))
    monkeypatch.setattr(RECIPES, "_faults", RECIPES._faults)
    known = dict(SCORES)
    yield
    SCORES.clear()
    SCORES.update(known)


@dataclass(frozen=True)
class Quartic(Score):
    """w⁴, and of a channel Σ w⁴."""

    name: ClassVar[str] = "quartic"
    summary: ClassVar[str] = "fourth power of the weight"

    power: int = option(4, "an even number", ge=2)

    def __call__(self, given: Given) -> Scores:
        return Scores(given.weights, each=lambda w: w**self.power)


@dataclass(frozen=True)
class Fickle(Quartic):
    """Draws without saying so."""

    name: ClassVar[str] = "fickle"

    def __call__(self, given: Given) -> Scores:
        import torch

        return Scores({n: torch.rand_like(w) for n, w in given.weights.items()})


@dataclass(frozen=True)
class Destructive(Quartic):
    name: ClassVar[str] = "destructive"

    def __call__(self, given: Given) -> Scores:
        return Scores({n: w.abs_() for n, w in given.weights.items()})


class Bare(Quartic):
    name: ClassVar[str] = "bare"


Bare.__dataclass_params__ = None


def test_the_documented_ten_lines_do_what_is_said(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()
    lines = page.split("```python\n")[1].split("```")[0]
    assert len([line for line in lines.splitlines() if line.strip()]) <= 14
    (tmp_path / "example.py").write_text(lines)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import example;"
        "from pruneviz.testing import check_method; print(check_method(sys.argv[2], ('mlp',)))"
    )
    name = lines.split('name = "')[1].split('"')[0]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), name], capture_output=True, text=True)
    assert done.stdout == "{'mlp': 'kept'}\n", done.stderr


def test_a_registered_score_is_a_method_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert register_score(Quartic) is Quartic
    assert pruning.resolve(Choice("quartic", {"power": 6}), "here").score == Quartic(6)
    assert pruning.resolve(Choice("magnitude", {"score": "quartic"}), "here").score == Quartic()
    assert check_method("quartic") == dict.fromkeys(("mlp", "cnn", "lenet5", "resnet8", "vit"), "kept")
    assert check_method({"name": "quartic", "unit": "channel"}, ("resnet8",)) == {"resnet8": "kept"}
    assert cli.main(["methods", "quartic"]) == 0
    assert "fourth power of the weight" in capsys.readouterr().out


def test_a_decorator_may_say_more() -> None:
    register_score(unit="channel", formula="Σ w⁴")(Quartic)
    assert (RECIPES["quartic"].unit, RECIPES["quartic"].formula) == ("channel", "Σ w⁴")


def test_what_breaks_a_promise_is_told() -> None:
    register_score(Fickle)
    with pytest.raises(BrokenPromise, match="fickle on mlp: the same seed gives another mask"):
        check_method("fickle", ("mlp",))
    register_score(Destructive)
    with pytest.raises(BrokenPromise, match="destructive on mlp: the given network was changed"):
        check_method("destructive", ("mlp",))
    assert "no batch norm" in check_method("bn-scale", ("resnet8", "mlp"))["mlp"]
    with pytest.raises(BrokenPromise, match="refused on every architecture"):
        check_method("bn-scale", ("mlp",))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"name": None}, "name: got None; allowed: a text"),
        ({"units": ("neuron",)}, "allowed: one of weight, nm, channel"),
        ({"units": ()}, "allowed: one of weight, nm, channel"),
        ({"needs": frozenset({"gradient"})}, r"needs: got \['gradient'\]; allowed: some of gradients"),
        ({"name": "magnitude"}, "Taken: "),
    ],
)
def test_what_is_no_score_is_refused(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        register_score(dataclass(frozen=True)(type("Wrong", (Quartic,), attributes)))


def test_forms_of_classes_are_checked() -> None:
    with pytest.raises(SpecError, match="a frozen dataclass"):
        register_score(Bare)
    with pytest.raises(SpecError, match=r"derives from pruneviz\.pruning\.Score"):
        register_score(dict)  # type: ignore[type-var]
    with pytest.raises(SpecError, match="unit: got 'neuron'"):
        register_score(unit="neuron")(Quartic)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Announce entry points as an installed package would."""

    def announce(**points: str) -> None:
        found = [EntryPoint(name, value, extending.GROUP) for name, value in points.items()]
        monkeypatch.setattr(extending, "entry_points", lambda group: found)
        RECIPES._faults = None

    return announce


def test_an_installed_package_brings_scores_recipes_and_modules(
    installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_methods.py").write_text(
        "from dataclasses import dataclass, replace\n"
        "from pruneviz.pruning import RECIPES, Scores, Score, register_score\n"
        "@register_score\n"
        "@dataclass(frozen=True)\n"
        "class Theirs(Score):\n"
        "    name = 'theirs'\n"
        "    summary = 'a test'\n"
        "    def __call__(self, given):\n"
        "        return Scores(given.weights, each=lambda w: -w)\n"
        "RECIPE = replace(RECIPES['magnitude'], name='their-recipe', score=Theirs())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    here = f"{__name__}:Quartic"
    sys.modules[__name__].Quartic = Quartic  # the test's module goes by a name of pytest's
    installed(module="their_methods", again="their_methods:Theirs", recipe="their_methods:RECIPE", score=here)
    assert {"theirs", "their-recipe", "quartic", "magnitude"} <= set(RECIPES)
    assert RECIPES.faults == {}
    sys.modules.pop("their_methods")


def test_a_package_that_fails_hides_no_other_method(
    installed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    installed(broken="no_such_module:Thing")
    assert "magnitude" in RECIPES
    with pytest.raises(PrunevizError, match=r"here: the method 'broken' .* cannot be used: ModuleNotFoundError"):
        pruning.resolve(Choice("broken", {}), "here")
    assert cli.main(["methods", "--json"]) == 0
    told = {e["name"]: e["summary"] for e in json.loads(capsys.readouterr().out)}
    assert "cannot be used" in told["broken"]
    assert "magnitude" in told
