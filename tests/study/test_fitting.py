"""Analyses whose amount of work is given as a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from pruneviz.core.analysis import Analysis, Clock, Subject
from pruneviz.core.options import option
from pruneviz.core.spec import study_from_plain
from pruneviz.core.tables import Column, Schema, Tables
from pruneviz.study import dry_run, run_study
from pruneviz.study.fitting import StopClock
from pruneviz.study.plan import plan

AMOUNT = Schema("amounts", "how much was done", (Column("amount", "int", "n"),))


@dataclass(frozen=True)
class Amounts:
    """Does as much as fits."""

    name: ClassVar[str] = "amounts"
    summary: ClassVar[str] = "how much fits"
    reference: ClassVar[str] = ""
    scope: ClassVar[str] = "study"
    version: ClassVar[int] = 1
    schemas: ClassVar[tuple[Schema, ...]] = (AMOUNT,)
    asked: ClassVar[list[int]] = []

    amount: int = option(1, "pieces", ge=1)
    minutes: float | None = option(None, "time", gt=0)

    def fitted(self, clock: Clock) -> Analysis:
        """A piece a minute; each further call finds the machine faster."""
        if self.minutes is None:
            return self
        self.asked.append(clock.workers)
        return replace(self, amount=int(self.minutes) + len(self.asked))

    def check(self, subject: Subject) -> None:
        """Anything will do."""

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """The amount."""
        return {"amounts": AMOUNT.frame([{"amount": self.amount}])}

    def findings(self, tables: Tables, frames: Any) -> tuple[str, ...]:
        """None."""
        return ()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Amounts.asked.clear()


def test_the_amount_is_found_once_and_kept(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"]["methods"] = []
    table["recover"]["recoveries"] = ["none"]
    store = tmp_path / "s"

    def amount(analysis: Any, over: Sequence[tuple[str, Any]] = ()) -> int:
        own = {**table, **dict(over)}
        study = run_study(
            study_from_plain(own, "test"), store, executor="inline", device="cpu", analyses=(analysis,)
        ).study
        return int(study.table("amounts")["amount"].iloc[0])

    spec = study_from_plain(table, "test")
    ahead = dry_run(spec, store, executor="inline", analyses=(Amounts(minutes=3),))
    assert ahead.notes == ("amounts: amount = 4, fitted to the time given",)
    assert not store.exists()
    assert amount(Amounts(minutes=3)) == 5
    assert amount(Amounts(minutes=3)) == 5  # found before, though timing it again would give another
    again = dry_run(spec, store, executor="inline", analyses=(Amounts(minutes=3),))
    assert again.notes == ("amounts: amount = 5, fitted to the time given",)
    assert Amounts.asked == [1, 1]
    assert amount(Amounts(minutes=7)) == 10  # something else is asked
    assert amount(Amounts(amount=2)) == 2
    assert amount(Amounts(amount=12, minutes=8)) == 12  # what fits may be what stood there
    assert amount(Amounts(amount=12, minutes=8)) == 12
    assert len(Amounts.asked) == 4
    assert amount(Amounts(minutes=3), [("train", {**table["train"], "epochs": 1})]) == 8  # of another model


def test_the_clock_trains_an_epoch_of_each_model(table: dict[str, Any]) -> None:
    made = plan(study_from_plain({**table, "model": {**table["model"], "replicates": 3}}, "test"))
    clock = StopClock(made, {}, 2, lambda: "cpu")
    assert clock.dense_models == {"mlp": 3}
    seconds = clock.epoch({"batch_size": 16, "epochs": 50, "lr": 0.01})
    assert set(seconds) == {"mlp"}
    assert 0 < seconds["mlp"] < 20
