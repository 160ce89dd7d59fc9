from __future__ import annotations

import pytest
import torch
from pruning_cases import build
from references import methods_slow

from pruneviz import pruning
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.methods.precropping import Crop
from pruneviz.pruning.parts import Block
from pruneviz.pruning.smallest import Ranked

SHAPES = ((8, 1, 3, 3), (16, 8, 3, 3), (64, 32, 3, 3), (100, 64))


@pytest.mark.parametrize("keep", [180, 90, 30])
def test_channels_are_kept_by_the_square_root_of_the_density(keep: int) -> None:
    blocks = tuple(Block(f"g{i}", (s[0],), s, least=1) for i, s in enumerate(SHAPES))
    sizes = [b.size for b in blocks]
    ranked = {b.name: Ranked(torch.rand(b.size)) for b in blocks}
    found = Crop()(blocks, ranked, sum(sizes) - keep)
    kept = [b.size - int(found[b.name].sum()) for b in blocks]
    assert sum(kept) == keep
    expected = methods_slow.crop_counts(SHAPES, sizes, keep)
    assert all(abs(k - e) < 1 for k, e in zip(kept, expected, strict=True))


def test_it_is_trained_from_scratch() -> None:
    recipe = pruning.RECIPES["precropping"]
    assert recipe.recovery == Choice("scratch", {})
    assert recipe.when == "before training"
    c = build("resnet8")
    densities = {n: kept.mean() for n, kept in c.select(recipe, Target("sparsity", 0.5)).mask.units.items()}
    assert densities["conv"] > densities["block3.conv1"]  # the wider, the fewer
