"""Catalogues: every entry is described, for people and for machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pruneviz.training.recoveries import RECOVERIES
from pruneviz_apps import cli

KINDS = ["methods", "analyses", "studies", "models", "data"]


def listed(kind: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert cli.main([kind, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_json_describes_every_entry(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    entries = listed(kind, capsys)
    names = [e["name"] for e in entries]
    assert len(set(names)) == len(names)
    for entry in entries:
        assert entry["summary"], entry["name"]
        for name, option in entry["options"].items():
            assert option["doc"], (entry["name"], name)


@pytest.mark.parametrize("kind", KINDS)
def test_each_entry_can_be_shown_in_full(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for entry in listed(kind, capsys):
        assert cli.main([kind, entry["name"]]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(entry["name"])
        for option in entry["options"]:
            assert option in shown
        assert cli.main([kind, entry["name"], "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == entry


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_names_every_entry(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    entries = listed(kind, capsys)
    assert cli.main([kind]) == 0
    shown = capsys.readouterr().out
    assert all(e["name"] in shown for e in entries)


def test_what_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    names = {kind: {e["name"] for e in listed(kind, capsys)} for kind in KINDS}
    assert {"random", "magnitude", "taylor", "snip"} <= names["methods"]
    assert "demo" in names["studies"]
    assert "lenet5-fashion" in names["models"]
    assert {"cifar", "folder", "npz", "idx"} <= names["data"]


def test_methods_name_their_parts_and_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    methods = [e for e in listed("methods", capsys) if e["section"] == "methods"]
    assert len(methods) >= 10
    for entry in methods:
        assert list(entry["facts"]) == ["unit", "when", "score", "allocation", "schedule", "needs"]
        assert all(entry["more"][facet] for facet in ("recovered", "cost", "speedup", "formula"))
        assert entry["reference"] or entry["more"]["control"] == entry["name"]


def test_a_catalogue_is_narrowed_by_facts(capsys: pytest.CaptureFixture[str]) -> None:
    def names(*conditions: str) -> set[str]:
        asked = [word for c in conditions for word in ("--where", c)]
        assert cli.main(["methods", "--json", *asked]) == 0
        return {e["name"] for e in json.loads(capsys.readouterr().out)}

    assert {"apoz", "l1-filter"} <= names("unit=channel") - names("unit=weight")
    assert "apoz" in names("unit=channel", "needs=activations")
    assert names("unit=channel", "needs=activations") < names("unit=channel")
    assert {"snip", "synflow"} <= names("when=before")
    assert names("recovered=compensate") == {"obs", "obspa"}
    assert cli.main(["methods", "--where", "needs=nothing like it"]) == 0
    assert "There are no such methods." in capsys.readouterr().out
    for wrong in ("unti=channel", "unit", "unit="):
        assert cli.main(["methods", "--where", wrong]) == 2
        assert "allowed: FACT=TEXT" in capsys.readouterr().err


def test_recoveries_stand_beside_methods(capsys: pytest.CaptureFixture[str]) -> None:
    recoveries = {e["name"] for e in listed("methods", capsys) if e["section"] == "recoveries"}
    assert {"none", "finetune", "lr-rewind", "weight-rewind", "scratch"} < recoveries
    assert recoveries == set(RECOVERIES)
    assert cli.main(["methods", "finetune"]) == 0
    assert "epochs" in capsys.readouterr().out
