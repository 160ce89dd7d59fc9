"""Signs stand only where the statistics allow them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pruneviz.report.arms import Arm
from pruneviz.report.ranking import BEST, OVER_MAGNITUDE, OVER_RANDOM, marks


def arm(method: str, accuracy: list[float], target: str = "0.9") -> Arm:
    ids = [f"{method}{i}" for i in range(len(accuracy))]
    dense = [f"d{i}" for i in range(len(accuracy))]
    runs = pd.DataFrame({"run_id": ids, "dense_run_id": dense, "accuracy": accuracy})
    return Arm(("m", method, "none", target, "1"), runs, False)


def methods(n: int, gap: float) -> list[Arm]:
    rng = np.random.default_rng(0)
    levels = {"random": 0.0, "magnitude": gap, "taylor": 2 * gap, "snip": 3 * gap}
    return [arm(m, list(0.5 + level + 0.001 * rng.normal(size=n))) for m, level in levels.items()]


@pytest.mark.parametrize("n", [1, 3, 5])
def test_few_dense_models_mark_nothing_and_say_why(n: int) -> None:
    found = marks(methods(n, 0.1), {"random"})
    assert not found.signs
    assert f"{n} paired dense model" in found.words[0]
    assert "at least 6" in found.words[0]


def test_clear_differences_are_marked() -> None:
    found = marks(methods(12, 0.1), {"random"})
    by_method = {key[1]: sign for key, sign in found.signs.items()}
    assert by_method["snip"] == BEST + OVER_RANDOM + OVER_MAGNITUDE
    assert by_method["taylor"] == OVER_RANDOM
    assert "random" not in by_method
    assert "Friedman over 12 paired dense models" in found.words[0]


def test_no_difference_marks_nothing() -> None:
    rng = np.random.default_rng(1)
    found = marks([arm(m, list(rng.normal(size=8))) for m in ("random", "magnitude", "taylor")], {"random"})
    assert not found.signs
    assert "do not differ detectably" in found.words[0]


def test_only_dense_models_that_all_methods_have_are_paired() -> None:
    arms = methods(7, 0.1)
    arms[1] = Arm(arms[1].key, arms[1].runs.iloc[:5], False)
    assert not marks(arms, {"random"}).signs


def test_dense_models_in_common_may_be_none() -> None:
    arms = methods(6, 0.1)
    arms[0].runs["dense_run_id"] = [f"other{i}" for i in range(6)]
    assert "no paired dense models" in marks(arms, {"random"}).words[0]


def test_chance_marks_a_best_in_at_most_one_study_of_twenty() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        arms = [
            arm(m, list(rng.normal(size=6)), target)
            for target in ("0.5", "0.9")
            for m in ("random", "magnitude", "a", "b")
        ]
        hits += bool(marks(arms, {"random"}).signs)
    assert hits <= 0.09 * 200
