from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from pruneviz.measures.exemplars import exemplars, swapped, votes


def slowly(before, after):
    """From the definition, image by image: no class that most say before is one that most say after."""
    found = []
    for image in range(before.shape[1]):
        most = []
        for models in (before, after):
            count = Counter(models[:, image].tolist())
            most.append({k for k, n in count.items() if n == max(count.values())})
        found.append(not most[0] & most[1])
    return found


def populations(seed, models=5, images=40, classes=4, changed=0.5):
    rng = np.random.default_rng(seed)
    before = rng.integers(0, classes, (models, images))
    return before, np.where(rng.random(before.shape) < changed, rng.integers(0, classes, before.shape), before)


@pytest.mark.parametrize("seed", range(5))
def test_exemplars_agree_with_the_definition(seed):
    before, after = populations(seed)
    found = exemplars(votes(before, 4), votes(after, 4))
    assert found.tolist() == slowly(before, after)
    assert found.any()


def test_the_same_models_in_any_order_have_none_and_all_others_have_all():
    before, _ = populations(0)
    assert not exemplars(votes(before, 4), votes(before[::-1], 4)).any()
    assert exemplars(votes(before, 8), votes(before + 4, 8)).all()


def test_exchanges_give_the_numbers_that_all_exchanges_give():
    before, after = populations(1, models=3)
    every = []
    for choice in itertools.product((False, True), repeat=3):
        pick = np.array(choice)[:, None]
        every.append(sum(slowly(np.where(pick, after, before), np.where(pick, before, after))))
    drawn = swapped(before, after, 4, 2000, seed=0)
    assert set(drawn.tolist()) == set(every)
    assert drawn.mean() == pytest.approx(np.mean(every), abs=4 * np.std(every) / np.sqrt(2000))
    assert (swapped(before, before, 4, 50, seed=0) == 0).all()


def test_images_are_counted_in_parts_alike(monkeypatch):
    before, after = populations(2)
    whole = swapped(before, after, 4, 30, seed=3)
    monkeypatch.setattr("pruneviz.measures.exemplars._CELLS", 500)
    assert swapped(before, after, 4, 30, seed=3).tolist() == whole.tolist()


def test_where_pruning_does_nothing_of_its_own_p_is_seldom_small():
    rng, small, trials = np.random.default_rng(0), 0, 200
    for seed in range(trials):
        first, second = (
            np.where(rng.random((10, 60)) < 0.4, rng.integers(0, 3, (10, 60)), 0) for _ in range(2)
        )  # both of a pair alike
        count = int(exemplars(votes(first, 3), votes(second, 3)).sum())
        by_chance = swapped(first, second, 3, 99, seed)
        small += (1 + np.count_nonzero(by_chance >= count)) / 100 <= 0.05
    assert small / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
