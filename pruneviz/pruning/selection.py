"""Choosing what to remove: a recipe, a network and a target make a mask."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pruneviz.core.errors import SpecError
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target, count_removed
from pruneviz.pruning.allocations import by_counts
from pruneviz.pruning.masking import apply, both, costs, dead_layers
from pruneviz.pruning.parts import Block, Given, Score, Units
from pruneviz.pruning.smallest import Ranked

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.models.inspect import ModelInfo
    from pruneviz.pruning.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Selected:
    """What a recipe chose.

    Attributes:
        mask: covers every prunable weight; of channels it is closed over all that goes with them.
        achieved: fraction of the recipe's own units that is removed.
        warnings: for people: layers left empty, layers and groups left out.
        weights: those that the recipe's update changes, whole, by parameter name; see :func:`commit`.
    """

    mask: Mask
    achieved: float
    warnings: tuple[str, ...]
    weights: Mapping[str, Tensor] = field(default_factory=dict)


def commit(net: nn.Module, selected: Selected) -> None:
    """Give a network the changed weights and set what is removed to zero, in place."""
    import torch

    named = dict(net.named_parameters())
    with torch.no_grad():
        for name, values in selected.weights.items():
            named[name].copy_(values)
    apply(net, selected.mask)


def select(
    net: nn.Module,
    info: ModelInfo,
    recipe: Recipe,
    target: Target,
    *,
    mask: Mask | None = None,
    statistics: Mapping[str, Mapping[str, Tensor]] | None = None,
    seed: int = 0,
    exclude: Sequence[str] = (),
    example: Tensor,
    units: Units | None = None,
    like: Mask | None = None,
) -> Selected:
    """Choose the units to remove.

    A *sparsity* is the removed fraction of the recipe's own units: those of layers that no ``exclude`` pattern
    matches; the count is exact, see :func:`~pruneviz.core.quantities.count_removed`. *Parameters* and *macs* are
    kept fractions over all prunable weights of the network, excluded ones included, since they compare networks: the
    fewest units are removed for which no more than that fraction is kept.

    Args:
        net: left as it is.
        info: its layers, from :func:`pruneviz.models.examine`.
        recipe: the method.
        target: how much shall be removed in the end, what ``mask`` removes included.
        mask: what is removed already; it stays removed.
        statistics: what :func:`~pruneviz.pruning.gather` gave, by kind, for each of ``recipe.needs``.
        seed: of scores that draw.
        exclude: shell patterns of layers that are never pruned.
        example: float32 (1, C, H, W), preprocessed, on the network's device.
        units: what ``recipe.space(net, info, exclude, example)`` gave, where that is known already.
        like: of a recipe that takes over the numbers of another (``recipe.like``): what that one kept; absent: it is
            asked here, about this network.

    Raises:
        SpecError: the target cannot be reached; the text says what can.
        Unsupported: the network lacks what the recipe removes or reads.
        ModelError: a score is NaN.
    """
    if units is None:
        units = recipe.space(net, info, exclude, example)
    if recipe.like is not None and like is None:
        like = select(
            net,
            info,
            recipe.like,
            target,
            mask=mask,
            statistics=statistics,
            seed=seed,
            exclude=exclude,
            example=example,
            units=units,
        ).mask
    given = Given(net, info, recipe.unit, units.blocks, statistics or {}, seed)
    *before, (score, last) = recipe.schedule.phases(recipe.score, target)
    current, held = given, mask
    for earlier, goal in before:
        chooser = _Chooser(units, recipe, info, held)
        chooser.rank(earlier, current, example)
        held = chooser.mask(chooser.count(goal))
        stand_in = copy.deepcopy(net) if current is given else current.net
        apply(stand_in, held)
        current = replace(given, net=stand_in)
    chooser = _Chooser(units, recipe, info, held)
    chooser.rank(score, current, example)
    if like is not None:
        chosen, count = chooser.as_many_as(like)
    elif last.kind == "level":
        chosen, count = chooser.own_amount()
    else:
        count = chooser.count(last)
        chosen = chooser.mask(count)
    dead = dead_layers(info, chosen)
    emptied = f"no weight is left in {', '.join(dead)}: what passes there is its bias alone"
    told = (*recipe.schedule.notes(given, target), *score.notes(given))
    warnings = (*units.notes, *told, *([emptied] if dead else []))
    return Selected(chosen, count / chooser.total, warnings, recipe.update(given, chosen))


def check(
    net: nn.Module,
    info: ModelInfo,
    recipe: Recipe,
    targets: Sequence[Target],
    exclude: Sequence[str],
    example: Tensor,
) -> tuple[str, ...]:
    """Say before anything starts whether a recipe can be carried out on a network; costs no pass over data.

    Returns:
        what will be left out, for people.

    Raises:
        SpecError: a target cannot be reached; the text says what can.
        Unsupported: the network lacks what the recipe removes or reads.
    """
    units = recipe.space(net, info, exclude, example)
    recipe.score.check(net, units, example)
    recipe.update.check(net, units, example)
    recipe.schedule.check(net, units, example)
    chooser = _Chooser(units, recipe, info, None)
    for target in recipe.targets(targets):
        for level in recipe.schedule.levels(target):
            chooser.require_reachable(level)
    return units.notes


class _Chooser:
    """One choice: the units, what is gone already, and the ranking."""

    def __init__(self, units: Units, recipe: Recipe, info: ModelInfo, mask: Mask | None) -> None:
        self.units, self.recipe, self.info, self.before = units, recipe, info, mask
        self.gone = units.gone(mask) if mask is not None else {}
        self.blocks = tuple(
            replace(b, gone=int(self.gone[b.name].sum()) if b.name in self.gone else 0) for b in units.blocks
        )
        self.total = sum(b.size for b in self.blocks)
        self.least = sum(b.gone for b in self.blocks)
        self.most = recipe.allocation.most(self.blocks)
        self.ranked: dict[str, Ranked] = {}

    def rank(self, score: Score, given: Given, example: Tensor) -> None:
        """Score the units; those gone rank before all others."""
        given = replace(given, example=example if score.uses_example else None)
        for name, block in self.units.rank(score(given)).items():
            gone = self.gone.get(name)
            self.ranked[name] = replace(block, gone=gone.to(block.values.device)) if gone is not None else block

    def mask(self, count: int) -> Mask:
        """The mask with so many units removed, what was removed before included."""
        return self._mask(self.recipe.allocation(self.blocks, self.ranked, count))

    def own_amount(self) -> tuple[Mask, int]:
        """The mask after a level whose size the allocation finds out, and how many units it removes."""
        removed = self.recipe.allocation.amount(self.blocks, self.ranked)
        return self._mask(removed), sum(int(r.sum()) for r in removed.values())

    def as_many_as(self, like: Mask) -> tuple[Mask, int]:
        """The mask with as many units removed of each block as another has, and how many these are."""
        gone = self.units.gone(like)
        counts = [max(int(gone[b.name].sum()), b.gone) if b.name in gone else b.gone for b in self.blocks]
        return self._mask(by_counts(self.blocks, self.ranked, counts)), sum(counts)

    def _mask(self, removed: Mapping[str, Tensor]) -> Mask:
        chosen = self.units.mask(removed)
        return both(chosen, self.before) if self.before is not None else chosen

    def count(self, target: Target) -> int:
        """How many units are removed in the end."""
        self.require_reachable(target)
        if self.recipe.space.sparsity is not None:
            return count_removed(self.recipe.space.sparsity, self.total)
        if target.kind == "sparsity":
            return max(count_removed(target.value, self.total), self.least)
        limit = self._limit(target)
        low, high = self.least, self.most  # the count is the least one for which no more than the limit is kept
        while low < high:
            middle = (low + high) // 2
            if self._kept(target, self.mask(middle)) <= limit:
                high = middle
            else:
                low = middle + 1
        return low

    def require_reachable(self, target: Target) -> None:
        """Refuse a target that this network and recipe cannot reach."""
        if target.kind == "level":
            return
        where = f"method {self.recipe.name}: target {target.label}"
        only = self.recipe.space.sparsity
        if only is not None:
            if target.kind != "sparsity" or abs(target.value - only) > 1e-9:
                raise SpecError(where, target.label, f"{only:.6g}, the only sparsity of this pattern")
        elif target.kind == "sparsity":
            if count_removed(target.value, self.total) > self.most:
                allowed = f"at most {self.most / self.total:.6g}, which is {self.most} of {self.total} units"
                raise SpecError(where, target.label, allowed, "Ask for less, or use another allocation.")
        else:
            least = self._kept(target, self._everything())
            if self._limit(target) < least:
                kept = least / self._whole(target)
                allowed = f"at most {1 / kept:.6g}x" if target.kind == "parameters" else f"macs of at least {kept:.6g}"
                raise SpecError(where, target.label, allowed, "Ask for less, or use another unit or allocation.")

    def _everything(self) -> Mask:
        """The mask with as much removed as can be, whatever the ranking: equal scores stand in for it."""
        import torch

        ranked = {b.name: Ranked(torch.zeros(b.shape)) for b in self.blocks}
        blocks: tuple[Block, ...] = tuple(replace(b, gone=0) for b in self.blocks)
        return self.units.mask(self.recipe.allocation(blocks, ranked, self.recipe.allocation.most(blocks)))

    def _limit(self, target: Target) -> int:
        whole = self._whole(target)
        return whole - count_removed(1.0 - target.value, whole)

    def _whole(self, target: Target) -> int:
        return self.info.macs if target.kind == "macs" else sum(x.parameters for x in self.info.layers)

    def _kept(self, target: Target, mask: Mask) -> int:
        found = costs(self.info, mask)
        return found.macs if target.kind == "macs" else found.prunable_kept
