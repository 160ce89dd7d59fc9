"""Tables as files: every format gives back what went in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import SyntheticTables

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.tables import RUNS
from pruneviz.report.tex import tex
from pruneviz_apps.commands.export import ENDINGS, output_file, write

ROWS = [
    {"run_id": "a", "name": "dense · «ä»", "accuracy": 0.9012345678901234, "level": 0, "status": "done"},
    {"run_id": "b", "name": 'with "quotes", commas\nand lines', "level": 1, "seed": 3, "status": "failed"},
]


@pytest.fixture
def frame() -> pd.DataFrame:
    return RUNS.frame(ROWS)


def test_csv(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame, tmp_path / "t.csv")
    back = pd.read_csv(tmp_path / "t.csv", dtype={"run_id": "string", "name": "string"})
    assert list(back.columns) == RUNS.names
    assert back["name"].tolist() == frame["name"].tolist()
    assert back["accuracy"].tolist()[0] == ROWS[0]["accuracy"]
    assert back["seed"].isna().tolist() == [True, False]


def test_parquet_keeps_types(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame, tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), frame, check_dtype=False)
    assert str(pd.read_parquet(tmp_path / "t.parquet")["seed"].dtype) == "Int64"


def test_json_has_nulls(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame, tmp_path / "t.json")
    rows = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert [r["name"] for r in rows] == frame["name"].tolist()
    assert rows[0]["seed"] is None
    assert rows[1]["accuracy"] is None
    assert rows[0]["accuracy"] == ROWS[0]["accuracy"]  # to the last digit
    assert list(rows[0]) == RUNS.names


def test_lists_of_numbers_and_what_is_not_finite(tmp_path: Path) -> None:
    frame = pd.DataFrame({"map": [np.array([0.1, np.nan]), np.array([1.0, 2.0])], "x": [np.inf, 1e-300]})
    write(frame, tmp_path / "t.json")
    rows = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert rows == [{"map": [0.1, None], "x": None}, {"map": [1.0, 2.0], "x": 1e-300}]


def cells(text: str) -> list[list[str]]:
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r" \\") and " & " in line]
    return [line.split(" & ") for line in lines]


def test_latex_holds_every_number(tmp_path: Path) -> None:
    study = SyntheticTables(samples=20, methods=2, failed=1)
    frame = study.runs
    write(frame, tmp_path / "t.tex")
    head, *rows = cells((tmp_path / "t.tex").read_text("utf-8"))
    assert head == [rf"\textbf{{{tex(c)}}}" for c in RUNS.names]
    assert len(rows) == len(frame)
    for name, column in zip(RUNS.names, zip(*rows, strict=True), strict=True):
        for text, value in zip(column, frame[name], strict=True):
            if pd.isna(value):
                assert text == ""
            elif isinstance(value, float | int):
                assert float(text.replace("$-$", "-")) == value
            else:
                assert text == tex(str(value))


def test_latex_rounds_only_when_asked(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame[["name", "accuracy", "level"]], tmp_path / "t.tex", digits=3)
    assert cells((tmp_path / "t.tex").read_text("utf-8"))[1] == [
        r"dense $\cdot$ «ä»".replace("«ä»", tex("«ä»")),
        "0.901",
        "0",
    ]


def test_lists_of_numbers_are_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"run_id": ["a", "b"], "values": [np.arange(3000, dtype=np.float32) / 4, np.zeros(2)]})
    write(frame, tmp_path / "t.csv")
    write(frame, tmp_path / "t.json")
    written = [json.loads(t) for t in pd.read_csv(tmp_path / "t.csv")["values"]]
    rows = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert written == [r["values"] for r in rows] == [v.tolist() for v in frame["values"]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_replaced_whole_and_nothing_is_left_beside(ending: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"t{ending}"
    path.write_text("old")
    write(frame, path)
    assert path.stat().st_size > 10
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_target_that_cannot_be_written(frame: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(PrunevizError, match="cannot be written"):
        write(frame, tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["t", "t.xls", "t.csv.gz", ".csv"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.parquet, \.json, \.tex"):
        output_file(str(tmp_path / name), ENDINGS)


def test_endings_may_be_capitals(tmp_path: Path) -> None:
    assert output_file(str(tmp_path / "T.CSV"), ENDINGS).name == "T.CSV"
