"""Steps and learning rates, against their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.errors import SpecError
from pruneviz.core.spec import TrainSpec
from pruneviz.training.schedule import (
    check_training,
    derived_seed,
    last_step,
    lr_at,
    passes,
    steps_per_epoch,
    total_steps,
)


@pytest.mark.parametrize(
    ("images", "batch", "steps"), [(100, 10, 10), (101, 10, 10), (102, 10, 11), (5, 10, 1), (1, 10, 1), (1, 1, 1)]
)
def test_every_image_once_but_never_a_batch_of_one_beside_others(images: int, batch: int, steps: int) -> None:
    assert steps_per_epoch(images, batch) == steps
    assert total_steps(TrainSpec(epochs=3, batch_size=batch), images) == 3 * steps


def rates(total: int = 100, per_epoch: int = 10, **values: Any) -> list[float]:
    spec = TrainSpec(lr=2.0, **values)
    return [lr_at(spec, step, total, per_epoch) for step in range(total)]


def test_constant() -> None:
    assert rates(schedule="constant") == [2.0] * 100


def test_cosine() -> None:
    assert rates(schedule="cosine") == pytest.approx([1 + math.cos(math.pi * s / 100) for s in range(100)])


def test_linear() -> None:
    assert rates(schedule="linear") == pytest.approx([2 * (1 - s / 100) for s in range(100)])


def test_step() -> None:
    expected = [2.0] * 50 + [0.5] * 25 + [0.125] * 25
    assert rates(schedule="step", milestones=(0.5, 0.75), gamma=0.25) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_warm_up_rises_to_the_peak_and_the_schedule_follows_on_what_is_left(schedule: str) -> None:
    found = rates(schedule=schedule, warmup_epochs=2.0)
    assert found[:20] == pytest.approx([2 * (s + 1) / 20 for s in range(20)])
    assert found[20:] == pytest.approx(rates(total=80, schedule=schedule))


@given(
    st.sampled_from(["constant", "cosine", "linear", "step"]),
    st.floats(0, 5),
    st.integers(1, 60),
)
def test_rates_are_positive_and_never_above_the_peak(schedule: str, warm: float, total: int) -> None:
    found = rates(total=total, per_epoch=5, schedule=schedule, warmup_epochs=warm)
    assert all(0 < rate <= 2.0 * (1 + 1e-12) for rate in found)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"keep_steps": (0, 99)}, r"\[train\] keep_steps: got 99; allowed: 0 to 50.*10 epochs of 50 images"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov: got True"),
        ({"nesterov": True, "optimizer": "adam"}, "nesterov: got True"),
        ({"warmup_epochs": 11.0}, r"warmup_epochs: got 11\.0; allowed: at most epochs = 10"),
    ],
)
def test_contradictions_are_said(values: dict[str, Any], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        check_training(TrainSpec(epochs=10, batch_size=10, **values), 50)


def test_derived_seeds_differ_by_seed_purpose_and_number() -> None:
    seeds = {derived_seed(s, p, n) for s in range(5) for p in ("order", "augment") for n in range(5)}
    assert len(seeds) == 50
    assert all(0 <= s < 2**63 for s in seeds)


def test_steps_are_the_same_for_any_batch_size() -> None:
    assert [total_steps(TrainSpec(steps=30, batch_size=b), 50) for b in (5, 8, 50)] == [30, 30, 30]
    assert passes(TrainSpec(steps=30, batch_size=5), 50) == 3
    assert passes(TrainSpec(epochs=3, sam_rho=0.1), 50) == 6  # two passes for each step


def test_a_training_may_stop_within_its_schedule() -> None:
    spec = TrainSpec(epochs=8, stop_epochs=3, batch_size=10)
    assert (total_steps(spec, 50), last_step(spec, 50), passes(spec, 50)) == (40, 15, 3)
    with pytest.raises(SpecError, match="stop_epochs"):
        check_training(TrainSpec(epochs=8, stop_epochs=9), 50)
    with pytest.raises(SpecError, match="0 to 15"):
        check_training(TrainSpec(epochs=8, stop_epochs=3, batch_size=10, keep_steps=(16,)), 50)
