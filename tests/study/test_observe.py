"""Analyses that look at models: planned, carried out on workers, kept by content, and shown as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.options import option
from pruneviz.core.spec import study_from_plain
from pruneviz.core.tables import Column, Schema, Tables
from pruneviz.study import run_study

SEEN = Schema(
    "norms_seen",
    "the weights' Euclidean norm, model by model",
    (
        Column("run_id", "str", "the run"),
        Column("power", "int", "the norm's"),
        Column("norm", "float", "of all prunable weights"),
        Column("beside", "str", "the other run looked at"),
    ),
)
SUMMARY = Schema("norms", "their mean", (Column("mean", "float", "over models"),))


@dataclass(frozen=True)
class Norms:
    """The norm of each pruned model beside its dense one."""

    name: ClassVar[str] = "norms"
    summary: ClassVar[str] = "how large the weights are"
    reference: ClassVar[str] = ""
    scope: ClassVar[str] = "pair"
    version: ClassVar[int] = 1
    schemas: ClassVar[tuple[Schema, ...]] = (SUMMARY,)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN,)

    power: int = option(2, "of the norm", ge=1)
    scale: float = option(1.0, "of the summary")

    def check(self, subject: Subject) -> None:
        """Anything will do."""

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each pruned run with its dense one."""
        pruned = runs[runs["method"] != "dense"]
        pairs = zip(pruned["run_id"], pruned["dense_run_id"], strict=True)
        return [Observation((a, b), {"power": self.power}, f"norm of {a}", evaluated=1) for a, b in pairs]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Sums over the layers."""
        progress(0, 1)
        model, dense = models
        weights = dict(model.net.named_parameters())
        total = sum(
            float((weights[layer.parameter].detach().abs() ** part["power"]).sum()) for layer in model.info.layers
        )
        row = {"run_id": model.run_id, "power": part["power"], "norm": total ** (1 / part["power"])}
        return {"norms_seen": SEEN.frame([{**row, "beside": dense.run_id}])}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """The mean."""
        return {"norms": SUMMARY.frame([{"mean": self.scale * float(tables.table("norms_seen")["norm"].mean())}])}

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """One."""
        return (f"The mean norm is {frames['norms']['mean'].iloc[0]:.3f}.",)


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_each_observation_is_a_step_kept_by_what_it_depends_on(
    table: dict[str, Any], tmp_path: Path, executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from test_observe import Norms  # importable by name, as an installed package's analysis is for the workers

    table["recover"]["recoveries"] = ["none"]
    spec = study_from_plain(table, "test")

    def run(analysis: Any) -> Any:
        return run_study(spec, tmp_path / "s", executor=executor, workers=2, device="cpu", analyses=(analysis,))

    first = run(Norms())
    study = first.study
    assert not first.failed
    seen = study.table("norms_seen").set_index("run_id")
    layers = study.table("layers")
    expected = layers.assign(square=layers["l2_norm"] ** 2).groupby("run_id", observed=True)["square"].sum() ** 0.5
    pruned = study.runs[study.runs["method"] != "dense"]
    assert set(seen.index) == set(pruned["run_id"])
    for run_id, dense in zip(pruned["run_id"], pruned["dense_run_id"], strict=True):
        assert seen.loc[run_id, "norm"] == pytest.approx(expected[run_id], rel=1e-5)
        assert seen.loc[run_id, "beside"] == dense
    assert study.table("norms")["mean"].iloc[0] == pytest.approx(seen["norm"].mean())
    assert study.findings()["norms"][0].startswith("The mean norm is")
    assert len(study.table("norms_seen", [pruned["run_id"].iloc[0]])) == 1

    again = run(Norms(scale=2.0))  # another option of the summary alone: nothing is looked at again
    assert again.made == 0
    assert again.study.table("norms")["mean"].iloc[0] == pytest.approx(2 * seen["norm"].mean())
    assert run(Norms(power=1)).made == len(pruned)
