"""The study file in a report asks for the same study."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from pruneviz.core.options import to_plain
from pruneviz.core.spec import study_from_plain
from pruneviz.report.places import without_folders
from pruneviz.report.study_file import study_toml

SMALL = {"name": "s", "model": {"source": "sample:mlp-digits"}, "data": {"source": "sample:digits"}}
STUDIES: list[dict[str, Any]] = [
    SMALL,
    {
        "name": 'odd "name", 𝛼',
        "models": [
            {"source": "a.b:c", "options": {"width": 3, "odd key!": [1, 2]}, "checkpoint": "w'\".pt"},
            {"source": "sample:mlp-digits", "name": "two", "replicates": 4, "first": 2},
        ],
        "data": {"source": "folder:x y", "mean": [0.1, 0.2, 0.3], "std": [1.0, 1e-07, 1e20], "size": [8, 9]},
        "train": {"lr": [0.1, 0.01], "milestones": [[0.5], [0.25, 0.75]], "keep_steps": [0, 100], "nesterov": True},
        "prune": {
            "methods": ["random", {"name": "taylor", "allocation": {"name": "global", "deep": {"x": True}}}],
            "sparsities": [0, 0.5, "20x", {"macs": 0.25}, "12.5%"],
            "exclude": ["head.*", "x\\y", "a tab\t, \x7f and \u2028"],
        },
        "recover": {"recoveries": ["none", {"name": "finetune", "epochs": 2, "lr": 0.01}]},
        "measure": {"latency": False},
        "also": [
            {"methods": ["snip"], "sparsities": [0.8]},
            {
                "methods": [{"name": "taylor", "reduce": "abs-of-mean"}],
                "sparsities": ["20x"],
                "replicates": [2, 3],
                "recoveries": [{"name": "finetune", "epochs": 3}],
                "models": ["two (lr=0.01, milestones=(0.5,))"],
                "first_seed": 4,
            },
        ],
        "analyses": {"prediction_changes": {"level": 0.99}, "other": {}},
    },
]


@pytest.mark.parametrize("table", STUDIES, ids=["small", "odd"])
def test_it_reads_back_to_the_same_study(table: dict[str, Any]) -> None:
    asked = study_from_plain(table, "test")
    written = study_toml(to_plain(asked))
    assert to_plain(study_from_plain(tomllib.loads(written), "written")) == to_plain(asked)


def test_defaults_are_left_out() -> None:
    lines = ['name = "s"', "", "[model]", 'source = "sample:mlp-digits"', "", "[data]", 'source = "sample:digits"']
    assert study_toml(to_plain(study_from_plain(SMALL, "test"))).splitlines() == lines


def test_parts_that_are_absent_are_left_out() -> None:
    assert study_toml({"name": "x"}) == 'name = "x"\n'


def test_a_report_names_no_folder_of_the_machine_that_made_it() -> None:
    models = [
        {"source": "a.b:c", "checkpoint": "/home/me/secret/w0.pt"},
        {"source": "a.b:c", "checkpoint": "/home/me/secret/l1/w.pt", "history": "/home/me/secret/l1/h.json"},
        {"source": "a.b:c", "checkpoint": "/home/me/secret/l2/w.pt"},
        {"source": "a.b:c", "checkpoint": "here.pt"},
    ]
    spec = {"models": models, "data": {"source": "folder:/home/me/photos"}}
    told, cut = without_folders(spec)
    assert cut
    assert [m.get("checkpoint") for m in told["models"]] == ["w0.pt", "l1/w.pt", "l2/w.pt", "here.pt"]
    assert told["models"][1]["history"] == "h.json"
    assert told["data"]["source"] == "folder:photos"
    assert spec["models"][0]["checkpoint"] == "/home/me/secret/w0.pt"  # the study keeps the whole
    assert without_folders({"models": models[3:], "data": {"source": "sample:digits"}})[1] is False
