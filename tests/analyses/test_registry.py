from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest
from synthetic import SyntheticTables

from pruneviz.core.analysis import Observing
from pruneviz.core.errors import PrunevizError, SpecError
from pruneviz.core.options import describe, option
from pruneviz.core.spec import Choice
from pruneviz.core.tables import SCHEMAS, Column, Schema
from pruneviz_analyses import ANALYSES, find, names, registry, resolve


@dataclass(frozen=True)
class Theirs:
    """Somebody else's analysis: how many runs each method has."""

    name: ClassVar[str] = "theirs"
    summary: ClassVar[str] = "runs of each method"
    reference: ClassVar[str] = "a test"
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (
        Schema("theirs", "a row per method", (Column("method", "str", "m"), Column("runs", "int", "n"))),
    )
    version: ClassVar[int] = 1

    least: int = option(1, "fewest runs", ge=1)

    def check(self, subject):
        pass

    def measure(self, tables):
        count = tables.runs.groupby("method").size()
        return {"theirs": self.schemas[0].frame([{"method": m, "runs": n} for m, n in count.items()])}

    def findings(self, tables, frames):
        return (f"There are {len(frames['theirs'])} methods.",)


@dataclass(frozen=True)
class NoTables(Theirs):
    name: ClassVar[str] = "no_tables"
    schemas: ClassVar[tuple[Schema, ...]] = (SCHEMAS["runs"],)
    scope: ClassVar[str] = "galaxy"


class NoDataclass:
    pass


@pytest.fixture
def installed(monkeypatch):
    """Announce entry points as an installed package would."""

    def announce(**points):
        made = [EntryPoint(name, value, registry.GROUP) for name, value in points.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: made)
        monkeypatch.setitem(sys.modules, "their_package", sys.modules[__name__])

    return announce


# -- what holds for every analysis


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_keeps_the_contract(name):
    cls = ANALYSES[name]
    assert registry._faults(cls, name) == []
    assert cls.__doc__
    assert cls.reference
    assert all(o.doc and not o.required for o in describe(cls))
    titles = [s.name for s in cls.schemas]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("hostile", [False, True])
def test_every_analysis_writes_the_tables_it_declares_and_the_same_again(name, hostile):
    analysis, tables = (
        resolve(Choice(name, {}), "study"),
        SyntheticTables(samples=60, hostile=hostile, failed=1, replicates=11, methods=3, sparsities=(0.5, 0.9)),
    )
    frames, again = analysis.measure(tables), analysis.measure(tables)
    assert frames.keys() == {s.name for s in analysis.schemas}
    # What an analysis sees of models only a study that was run holds; its other tables are filled here.
    for schema in analysis.schemas:
        assert len(frames[schema.name]) or isinstance(analysis, Observing)
        assert frames[schema.name].dtypes.to_dict() == schema.frame([]).dtypes.to_dict()
        assert frames[schema.name].equals(again[schema.name])
        schema.arrow()  # can be stored
    said = analysis.findings(tables, frames)
    assert said
    assert all(s.endswith((".", ").")) and "nan" not in s for s in said)


def test_listing_analyses_imports_nothing_heavy():
    code = (
        "import sys, pruneviz_analyses; pruneviz_analyses.find('prediction_changes', 'x');"
        "print(sorted({'torch', 'pandas', 'scipy', 'pyarrow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- names and options


def test_options_are_checked():
    assert resolve(Choice("prediction_changes", {"level": 0.9}), "x").level == 0.9
    with pytest.raises(SpecError, match=r"\[analyses\].*level: got 2.0; allowed: number ≥ 0.5 and < 1"):
        resolve(Choice("prediction_changes", {"level": 2}), "my.toml: [analyses] prediction_changes")
    with pytest.raises(SpecError, match="Did you mean 'level'"):
        resolve(Choice("prediction_changes", {"levl": 0.9}), "x")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(SpecError, match=r"my.toml: got 'predictionchanges'.*Did you mean 'prediction_changes'"):
        resolve(Choice("predictionchanges", {}), "my.toml")


# -- other people's


def test_somebody_elses_analysis_is_one_like_ours(installed):
    installed(theirs="their_package:Theirs")
    assert names() == tuple(sorted({*ANALYSES, "theirs"}))
    assert find("theirs", "x") is Theirs
    analysis = resolve(Choice("theirs", {"least": 2}), "x")
    tables = SyntheticTables(methods=2)
    frames = analysis.measure(tables)
    assert dict(frames["theirs"].itertuples(index=False))["magnitude"] == 24
    assert analysis.findings(tables, frames) == ("There are 3 methods.",)
    with pytest.raises(SpecError, match="least: got 0"):
        resolve(Choice("theirs", {"least": 0}), "x")


def test_one_that_cannot_be_used_says_why_and_harms_no_other(installed):
    installed(
        gone="no_such_package_at_all:X", no_tables="their_package:NoTables", plain="their_package:NoDataclass",
        other_name="their_package:Theirs",
    )  # fmt: skip
    assert find("prediction_changes", "x") is ANALYSES["prediction_changes"]
    with pytest.raises(PrunevizError, match=r"x: the analysis 'gone'.*failed with ModuleNotFoundError.*uninstall"):
        find("gone", "x")
    with pytest.raises(PrunevizError, match=r"scope is 'galaxy'; allowed: run, pair, study; its table runs is not"):
        find("no_tables", "x")
    with pytest.raises(PrunevizError, match="it is not a dataclass"):
        find("plain", "x")
    with pytest.raises(PrunevizError, match="it calls itself 'theirs'"):
        find("other_name", "x")


def test_a_name_of_ours_or_shared_by_two_packages_is_refused(installed, monkeypatch):
    installed(prediction_changes="their_package:Theirs")
    with pytest.raises(PrunevizError, match="an analysis of pruneviz has this name"):
        find("prediction_changes", "x")
    two = [EntryPoint("theirs", v, registry.GROUP) for v in ("their_package:Theirs", "their_package:Other")]
    monkeypatch.setattr(registry, "entry_points", lambda group: two)
    with pytest.raises(PrunevizError, match="they share this name"):
        find("theirs", "x")
    monkeypatch.setattr(registry, "entry_points", lambda group: two[:1] * 2)  # seen twice on the path
    assert find("theirs", "x") is Theirs
