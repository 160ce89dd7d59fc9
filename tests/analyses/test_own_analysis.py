"""Somebody else's analysis, installed as a package: from the study file to the tables, the report and the page."""

from __future__ import annotations

import html
import re
import sys
import types
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from synthetic import SyntheticTables

import pruneviz as pv
from pruneviz.api import open_store
from pruneviz.core.errors import Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.core.viewstate import ViewState
from pruneviz.views import catalogue
from pruneviz_analyses import Subject, registry
from pruneviz_apps.cli import main
from pruneviz_apps.explorer.analyses_page import AnalysesPage
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.session import Session

# Bokeh's own use of pandas, which the newest pandas is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")

CODE = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from pruneviz.core.analysis import Observation
from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Column, Schema
from pruneviz.views import marks as m

TOTAL = Schema("weight_size", "a row per run", (
    Column("run_id", "str", "the run"), Column("method", "str", "its method"), Column("largest", "float", "of all")))
LAYERS = Schema("weight_size_layers", "a row per run and layer", (
    Column("run_id", "str", "the run"), Column("layer", "str", "the layer"), Column("largest", "float", "in it")))

@dataclass(frozen=True)
class WeightSize:
    """The largest weights."""
    name: ClassVar[str] = "weight_size"
    summary: ClassVar[str] = "the largest weight of every layer"
    reference: ClassVar[str] = "their lab book"
    scope: ClassVar[str] = "run"
    schemas: ClassVar[tuple[Schema, ...]] = (TOTAL,)
    observed: ClassVar[tuple[Schema, ...]] = (LAYERS,)
    version: ClassVar[int] = 1
    layers: int = option(2, "layers looked at", ge=1)

    def check(self, subject):
        for label, seen in subject.models.items():
            if len(seen.info.layers) < self.layers:
                raise Unsupported(f"weight_size: {label} has fewer than {self.layers} layers.")

    def observations(self, runs):
        return [Observation((r,), {"layers": self.layers}, f"weights of {r}") for r in runs["run_id"]]

    def observe(self, models, part, progress):
        weights = dict(models[0].net.named_parameters())
        rows = []
        for layer in models[0].info.layers[: part["layers"]]:
            largest = float(weights[layer.parameter].detach().abs().max())
            rows.append({"run_id": models[0].run_id, "layer": layer.parameter, "largest": largest})
        progress(1, 1)
        return {"weight_size_layers": LAYERS.frame(rows)}

    def measure(self, tables):
        largest = tables.table("weight_size_layers").groupby("run_id", observed=True)["largest"].max()
        methods = tables.runs.set_index("run_id")["method"]
        rows = [{"run_id": r, "method": methods[r], "largest": v} for r, v in largest.items()]
        return {"weight_size": TOTAL.frame(rows)}

    def findings(self, tables, frames):
        return (f"The largest weight of {len(frames['weight_size'])} runs is <b>looked at</b>.",)

def largest_info(tables, state):
    frame = tables.table("weight_size")
    names = tuple(frame["method"].astype(str))
    marks = m.Points(frame["largest"].to_numpy(float), np.arange(len(names), dtype=float), "hue-0",
                     hover={"method": list(names)})
    return m.Picture("any name", "The <i>largest</i> weight of each run", x=m.Axis("largest weight"),
                     y=m.Axis(kind="categories", categories=names, reverse=True), marks=(marks,))

def broken_info(tables, state):
    raise RuntimeError("out of <b>ink</b>")

def uneven_info(tables, state):
    return m.Picture("x", "Uneven", marks=(m.Points(np.zeros(3), np.zeros(2), "hue-0"),))

def inkless_info(tables, state):
    return m.Picture("x", "Inkless", marks=(m.Points(np.zeros(2), np.zeros(2), "no such ink"),))

def markless_info(tables, state):
    return m.Picture("x", "Markless", marks=("a line, please",))

def text_info(tables, state):
    return "<svg/>"
'''
PICTURES = {
    "weight_size": "largest_info",
    "weight_size_broken": "broken_info",
    "weight_size_uneven": "uneven_info",
    "weight_size_inkless": "inkless_info",
    "weight_size_markless": "markless_info",
    "weight_size_text": "text_info",
    "weight_size_gone": "no_such_info",
    "calibration_theirs": "largest_info",
    "weightless": "largest_info",
    "tradeoff": "broken_info",
}
TITLE = "The <i>largest</i> weight of each run"
STUDY = """
name = "theirs"
[model]
source = "sample:lenet5-fashion"
replicates = 1
[data]
source = "sample:fashion"
test_limit = 60
[prune]
methods = ["magnitude"]
sparsities = [0.9]
[measure]
latency = false
[analyses.weight_size]
layers = 3
"""
SAID = "The largest weight of 3 runs is <b>looked at</b>."


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installed package: a module, and the metadata by which Python finds its entry points."""
    home = tmp_path_factory.mktemp("site")
    (home / "their_package.py").write_text(CODE)
    about = home / "their_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    views = "\n".join(f"{name} = their_package:{function}" for name, function in PICTURES.items())
    (about / "entry_points.txt").write_text(
        f"[pruneviz.analyses]\nweight_size = their_package:WeightSize\n[pruneviz.views]\n{views}\n"
    )
    sys.path.insert(0, str(home))
    yield home
    sys.path.remove(str(home))
    sys.modules.pop("their_package", None)


@pytest.fixture(scope="module")
def store(package: Path) -> Path:
    (package / "theirs.toml").write_text(STUDY)
    run = ["run", str(package / "theirs.toml"), "--store", str(package / "store"), "--executor", "inline"]
    assert main(run) == 0
    return package / "store"


@pytest.fixture
def without_it(package: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store where the package is not installed: looking at a store needs nothing that the store names."""
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(package)])
    monkeypatch.delitem(sys.modules, "their_package", raising=False)
    return store


def test_it_is_listed_with_its_options_like_ours(package, capsys):
    assert main(["analyses"]) == 0
    assert "the largest weight of every layer" in " ".join(capsys.readouterr().out.split())
    assert main(["analyses", "weight_size"]) == 0
    told = capsys.readouterr().out
    assert "layers looked at" in told
    assert "their lab book" in told


@pytest.mark.parametrize(("layers", "words"), [("0", "layers: got 0"), ("99", "has fewer than 99 layers")])
def test_what_it_cannot_do_is_said_before_anything_starts(package, tmp_path, capsys, layers, words):
    (tmp_path / "wrong.toml").write_text(STUDY.replace("layers = 3", f"layers = {layers}"))
    assert main(["run", str(tmp_path / "wrong.toml"), "--store", str(tmp_path / "s"), "--executor", "inline"]) != 0
    assert words in " ".join(capsys.readouterr().err.split())


def test_its_tables_and_findings_are_in_the_store_and_can_be_taken_away(without_it, tmp_path):
    study = open_store(without_it)
    assert study.findings()["weight_size"] == (SAID,)
    assert set(study.tables_of("weight_size")) == {"weight_size", "weight_size_layers"}
    layers = study.table("weight_size_layers")
    assert len(layers) == 9
    most = layers.groupby("run_id", observed=True)["largest"].max()
    own = study.table("weight_size").set_index("run_id")["largest"]
    assert own.to_dict() == pytest.approx(most.to_dict())
    assert main(["export", str(without_it), "weight_size", "-o", str(tmp_path / "own.csv")]) == 0
    assert len((tmp_path / "own.csv").read_text().splitlines()) == 4


def test_the_report_shows_its_findings_and_tables(without_it, tmp_path):
    assert main(["report", str(without_it), "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "Analysis: weight size" in page
    assert html.escape(SAID) in page
    assert SAID not in page
    assert "Table weight_size: 3 rows" in page
    assert "Table weight_size_layers: 9 rows" in page
    assert page.count("conv1.weight") >= 3
    assert main(["report", str(without_it), "-o", str(tmp_path / "r.md")]) == 0
    assert "Table weight_size_layers: 9 rows" in (tmp_path / "r.md").read_text().replace("\\", "")


def test_the_explorer_has_a_page_for_it(without_it):
    page = AnalysesPage(Session(CachedTables(open_store(without_it)), ViewState(analysis="weight_size")))
    page.show()
    assert page.chosen.value == "weight_size"
    shown = page._shown["weight_size"]
    assert html.escape(SAID) in shown.found.object
    assert not shown.pictures
    assert "weight_size_layers: 9 rows" in shown.tables.object


# -- its pictures


def test_pictures_go_with_the_analysis_whose_tables_they_are_named_after(package):
    assert catalogue.of_analysis("weight_size") == tuple(sorted(n for n in PICTURES if n.startswith("weight_size")))
    assert catalogue.of_analysis("calibration") == ("reliability", "calibration", "calibration_theirs")
    assert "weightless" in catalogue.names()  # of no analysis: for figures and layouts
    assert catalogue.find("tradeoff", "x") is catalogue.PICTURES["tradeoff"]  # nobody replaces ours


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("broken", "RuntimeError: out of <b>ink</b>"),
        ("uneven", "the columns of its mark Points have 2 and 3 values"),
        ("inkless", "no such ink"),
        ("markless", "its mark str is none of"),
        ("text", "it gave str, which is no Picture"),
        ("gone", "AttributeError"),
    ],
)
def test_a_picture_that_fails_is_named_with_its_package_and_the_reason(store, name, why):
    picture = catalogue.find(f"weight_size_{name}", "x")(open_store(store), ViewState())
    assert picture.failed
    assert f"'weight_size_{name}' of the installed package their-package cannot be shown" in picture.empty
    assert why in picture.empty


def test_the_explorer_shows_its_pictures_and_those_that_fail_take_nothing_down(store):
    session = Session(CachedTables(open_store(store)), ViewState(page="analyses", analysis="weight_size"))
    page = AnalysesPage(session)
    page.show()
    shown = page._shown["weight_size"]
    pictures = {p._drawn.picture.name: p._drawn.picture for p in shown.pictures}
    assert pictures.keys() == {n for n in PICTURES if n.startswith("weight_size")}
    assert (pictures["weight_size"].title, pictures["weight_size"].empty) == (TITLE, "")
    heads = [p._drawn.layout.children[0].text for p in shown.pictures]
    assert any(html.escape(TITLE) in h for h in heads)
    assert not any(TITLE in h or "<b>ink" in h for h in heads)
    assert "weight_size_layers: 9 rows" in shown.tables.object


def test_the_report_draws_its_pictures_and_names_those_that_fail(store, tmp_path):
    assert main(["report", str(store), "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert html.escape(TITLE) in page
    assert TITLE not in page
    assert html.escape("out of <b>ink</b>") in page
    assert page.count("of the installed package their-package cannot be shown") == 6
    assert main(["report", str(store), "-o", str(tmp_path / "r.md")]) == 0
    assert "their-package" in (tmp_path / "r.md").read_text()


def test_a_notebook_has_a_function_for_each_of_its_pictures(store):
    shown = pv.views.weight_size(open_store(store))
    assert (shown.info.title, shown.info.empty) == (TITLE, "")
    assert "A picture of their-package." in (pv.views.weight_size.__doc__ or "")
    assert pv.views.weight_size_broken(open_store(store)).info.failed


def test_its_picture_is_a_figure_for_paper(store, tmp_path, capsys):
    assert main(["figure", str(store), "weight_size", "-o", str(tmp_path / "own.svg")]) == 0
    assert "magnitude" in (tmp_path / "own.svg").read_text()
    assert main(["figure", str(store), "weight_size_broken", "-o", str(tmp_path / "no.pdf")]) == 1
    assert "their-package cannot be shown: RuntimeError" in " ".join(capsys.readouterr().err.split())
    assert main(["figure", str(store), "weight_sise", "-o", str(tmp_path / "no.pdf")]) != 0
    assert "weight_size" in capsys.readouterr().err


def test_the_example_of_the_documentation_works(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "own_analysis.md").read_text("utf-8")
    given: dict = {"__name__": "spread_of_accuracy"}
    monkeypatch.setitem(sys.modules, "spread_of_accuracy", types.ModuleType("spread_of_accuracy"))
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], given)
    assert registry._faults(given["SpreadOfAccuracy"], "spread_of_accuracy") == []
    tables, analysis = SyntheticTables(samples=20), given["SpreadOfAccuracy"]()
    for repeats, refused in ({"replicates": 1}, True), ({"replicates": 2}, False):
        model = {"source": "sample:lenet5-fashion", **repeats}
        spec = study_from_plain({"model": model, "data": {"source": "sample:fashion"}}, "study")
        with pytest.raises(Unsupported, match="have no spread") if refused else nullcontext():
            analysis.check(Subject(spec, ("a", "b"), 20, {}))
    frames = analysis.measure(tables)
    assert analysis.findings(tables, frames)[0].startswith("Farthest apart are the ")
    picture = given["spread_of_accuracy_info"](Given(frames), ViewState())
    assert len(picture.marks[1].x) == len(frames["spread_of_accuracy"])
    catalogue._held(picture)


class Given:
    """Tables of an analysis."""

    def __init__(self, frames):
        self.table = frames.__getitem__
