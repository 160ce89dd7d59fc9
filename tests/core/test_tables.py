"""Declared schemas: frames and Parquet files have exactly the declared columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pruneviz.core.tables import RUNS, SAMPLES, SCHEMAS, Column, Schema
from pruneviz.study.tensors import load_table, save_table


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_column_says_what_it_means(schema: Schema) -> None:
    assert len(set(schema.names)) == len(schema.names)
    for column in schema.columns:
        assert column.meaning
        assert column.type in {"str", "int", "float", "bool", "floats"}
        assert column.better in {"", "high", "low"}
    assert schema.names == schema.arrow().names


def test_frames_have_the_declared_types_and_nulls() -> None:
    frame = SAMPLES.frame([{"run_id": "a", "sample_id": "test:0", "label": 1}, {"run_id": "a", "prediction": 2}])
    assert list(frame.columns) == SAMPLES.names
    assert str(frame["label"].dtype) == "Int64"
    assert frame["label"].isna().tolist() == [False, True]
    assert str(frame["loss"].dtype) == "float64"


def test_lists_of_numbers_come_back_from_parquet(tmp_path: Path) -> None:
    schema = Schema("maps", "maps", (Column("run_id", "str", "the run"), Column("values", "floats", "of a map")))
    values = [np.array([0.1, -2.0, 3.0], np.float32), np.array([7.0], np.float32)]
    frame = schema.frame([{"run_id": "a", "values": values[0]}, {"run_id": "b", "values": values[1]}])
    save_table(tmp_path / "maps.parquet", schema, frame)
    back = load_table(tmp_path / "maps.parquet").to_pandas()["values"]
    assert [v.dtype for v in back] == [np.float32] * 2
    assert [v.tolist() for v in back] == [v.tolist() for v in values]


def test_an_undeclared_column_is_refused() -> None:
    with pytest.raises(KeyError, match="acuracy"):
        RUNS.frame([{"run_id": "a", "acuracy": 0.5}])


def test_the_runs_table_holds_what_is_promised() -> None:
    promised = "run_id parent_run_id model method recovery seed sparsity_target sparsity_achieved accuracy loss"
    promised += (
        " balanced_accuracy worst_class_accuracy parameters_nonzero parameters_cut macs bytes train_steps status"
    )
    assert set(promised.split()) <= set(RUNS.names)
    assert set(SAMPLES.names) == {"run_id", "sample_id", "label", "prediction", "loss", "confidence", "margin"}


def test_titles_carry_units() -> None:
    assert RUNS["loss"].title == "loss (nats)"
    assert RUNS["method"].title == "method"
