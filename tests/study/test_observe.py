"""Analyses that look at models: planned, carried out on workers, kept by content, and shown as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import Cancelled, StoreError, Unsupported
from pruneviz.core.options import option
from pruneviz.core.spec import study_from_plain
from pruneviz.core.tables import Column, Schema, Tables
from pruneviz.study import Event, dry_run, run_study

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
TWICE = Schema(
    "norms_twice",
    "what follows from a look at what was seen before",
    (Column("run_id", "str", "the run"), Column("twice", "float", "twice the norm")),
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


@dataclass(frozen=True)
class Reworded(Norms):
    """The same norms, told by another rule."""

    version: ClassVar[int] = 2
    observing_version: ClassVar[int] = 1

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """Another."""
        return ("The norms are what they are.",)


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
    reworded = run(Reworded())  # another rule: an older store is measured anew, and no model looked at again
    assert reworded.made == 0
    assert reworded.study.findings() == {"norms": ("The norms are what they are.",)}
    assert run(Norms(power=1)).made == len(pruned)


@dataclass(frozen=True)
class Doubled(Norms):
    """Looks twice: the second time at what the first has found."""

    version: ClassVar[int] = 2
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, TWICE)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """The norms, and what follows from each."""
        first = super().observations(runs)
        return [*first, *(Observation(o.run_ids[:1], {}, f"twice {o.title}", epochs=0.5, after=(o,)) for o in first)]

    def observe(
        self,
        models: Sequence[Seen],
        part: Mapping[str, Any],
        progress: Callable[[int, int], None],
        *earlier: Mapping[str, pd.DataFrame],
    ) -> Mapping[str, pd.DataFrame]:
        """Twice the norm seen before."""
        if not earlier:
            return super().observe(models, part, progress)
        seen = earlier[0]["norms_seen"]
        assert list(seen["run_id"]) == [models[0].run_id]
        return {"norms_twice": TWICE.frame([{"run_id": models[0].run_id, "twice": 2 * float(seen["norm"].iloc[0])}])}


def test_an_observation_may_come_after_another_and_is_given_its_tables(table: dict[str, Any], tmp_path: Path) -> None:
    table["recover"]["recoveries"] = ["none"]
    spec = study_from_plain(table, "test")

    def run(analysis: Any) -> Any:
        return run_study(spec, tmp_path / "s", executor="inline", device="cpu", analyses=(analysis,))

    study = run(Doubled()).study
    norms = study.table("norms_seen").set_index("run_id")["norm"]
    twice = study.table("norms_twice").set_index("run_id")["twice"]
    assert len(norms) == 4
    assert twice.to_dict() == pytest.approx((2 * norms).to_dict())
    assert run(Doubled(power=1)).made == 2 * len(norms)  # what was seen before decides what is seen after


def test_what_an_analysis_found_stays_in_sight_until_it_is_done_with_other_options(
    table: dict[str, Any], tmp_path: Path
) -> None:
    table["recover"]["recoveries"] = ["none"]

    def run(power: int, listener: Any = None) -> Any:
        spec = study_from_plain({**table, "analyses": {"norms": {"power": power}}}, "test")
        ways: dict[str, Any] = {"executor": "inline", "device": "cpu", "listener": listener}
        return run_study(spec, tmp_path / "s", analyses=(Norms(power=power),), **ways)

    def stop(event: Event) -> None:
        if event.done == 1:
            raise Cancelled

    study = run(2).study
    before, version = study.table("norms_seen"), study.version
    said = study.findings()
    with pytest.raises(Cancelled):
        run(1, stop)
    assert study.version == version
    pd.testing.assert_frame_equal(study.table("norms_seen"), before)
    assert study.findings() == said
    assert run(1).made == len(before) - 1
    assert study.version != version
    assert set(study.table("norms_seen")["power"]) == {1}
    assert study.findings() != said


def test_one_analysis_is_carried_out_on_the_models_that_are_there_and_the_others_wait(
    table: dict[str, Any], tmp_path: Path
) -> None:
    table["recover"]["recoveries"] = ["none"]
    ways: dict[str, Any] = {"executor": "inline", "device": "cpu"}
    run_study(study_from_plain(table, "test"), tmp_path / "s", **ways)
    table["prune"]["sparsities"] = [*table["prune"]["sparsities"], 0.97]
    spec = study_from_plain(table, "test")
    told = dry_run(spec, tmp_path / "s", analyses=(Norms(),), only="norms")
    assert (told.kinds, told.notes) == (
        {"observe": 4},
        ("2 of its looks at models wait: those models are not made yet.",),
    )
    study = run_study(spec, tmp_path / "s", analyses=(Norms(),), only="norms", **ways).study
    assert (study.runs["status"] == "waiting").sum() == 2
    assert len(study.table("norms_seen")) == 4
    assert study.findings()["norms"]
    table["prune"]["sparsities"] = [0.97]
    with pytest.raises(StoreError, match=r"4 of the 7 runs of .* would be others now"):
        dry_run(study_from_plain(table, "test"), tmp_path / "s", analyses=(Norms(),), only="norms")


def test_an_analysis_sees_a_model_of_each_kind_before_anything_starts(table: dict[str, Any], tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Refuses(Norms):
        def check(self, subject: Subject) -> None:
            assert set(subject.models) == {"mlp"}
            seen = subject.models["mlp"]
            assert [layer.module for layer in seen.info.layers] == ["1", "3"]
            assert tuple(seen.net(seen.example).shape) == (1, 10)
            assert seen.data.train is not None
            raise Unsupported("norms: this model has none.")

    with pytest.raises(Unsupported, match="has none"):
        run_study(study_from_plain(table, "test"), tmp_path / "s", device="cpu", analyses=(Refuses(),))
    assert not (tmp_path / "s").exists()
