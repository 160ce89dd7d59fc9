"""Tables as files: every format gives back what went in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.tables import RUNS
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
    assert rows[0]["accuracy"] == pytest.approx(ROWS[0]["accuracy"], rel=1e-14)


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
