"""What a pruning method is composed of: unit space × score × allocation × schedule × update (× recovery, elsewhere).

Each part is a small frozen dataclass whose fields are options with their own doc, unit and bounds. Nothing here
imports torch, so catalogues are listed at once.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pruneviz.core.errors import Unsupported
from pruneviz.core.options import to_plain
from pruneviz.pruning.needs import read_need

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.core.quantities import Target
    from pruneviz.models.inspect import ModelInfo
    from pruneviz.pruning.during import DuringTraining, Ground
    from pruneviz.pruning.recipe import Recipe
    from pruneviz.pruning.smallest import Ranked

UNITS = ("weight", "nm", "channel", "block")


@dataclass(frozen=True)
class Block:
    """Units that stand in one tensor of scores: a weight's entries, or the channels of one coupled group.

    Attributes:
        name: the parameter's name, or the group's.
        shape: of the scores.
        dense_shape: of the weight that the block stands for (of a group: its first filter weight).
        least: how many units must stay.
        gone: how many are removed already.
        place: of a weight, ``first`` of the layer that runs first, ``last`` of the one that makes the logits.
    """

    name: str
    shape: tuple[int, ...]
    dense_shape: tuple[int, ...]
    least: int = 0
    gone: int = 0
    place: str = ""

    @property
    def size(self) -> int:
        """How many units the block has."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def most(self) -> int:
        """How many units can be removed at most."""
        return max(self.size - self.least, self.gone)


class Units(Protocol):
    """What can be removed from one network: a unit space applied to it."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The units, block by block, in the order in which ties are broken."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and why, for people."""
        ...

    def rank(self, scores: Scores) -> dict[str, Ranked]:
        """A score for each unit, by block.

        Raises:
            Unsupported: the score says nothing about a block.
        """
        ...

    def gone(self, mask: Mask) -> dict[str, Tensor]:
        """Which units a mask has removed, boolean by block; blocks with none may be absent."""
        ...

    def mask(self, removed: Mapping[str, Tensor]) -> Mask:
        """The mask that removes these units and all that goes with them; it covers every prunable weight."""
        ...


@dataclass(frozen=True, eq=False)
class Scores:
    """What a score says, for any unit space to read.

    A unit's score is ``total(Σ each(values))`` over the unit's entries: one entry for the unit *weight*, for a
    channel the entries of its filters in all coupled layers, and of ``inputs`` in all layers that read it. The
    smallest scores are removed.

    Attributes:
        values: by parameter name, of the parameter's shape; or of shape (filters,), where a score is made per
            filter; or by block name, one value per unit.
        inputs: by parameter name, of shape (weight's inputs,): what a layer would miss of each of its inputs. Channels
            only.
        each: elementwise, applied to every value; absent: as it is.
        total: elementwise, applied to every unit's sum; absent: as it is.
        mean: whether a channel's entries are averaged and not summed, so that coupled layers do not count twice.
    """

    values: Mapping[str, Tensor]
    each: Callable[[Tensor], Tensor] | None = None
    total: Callable[[Tensor], Tensor] | None = None
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    mean: bool = False


@dataclass(frozen=True, eq=False)
class Given:
    """What a score may look at.

    Attributes:
        net: the network at the moment of pruning; a score leaves it as it is.
        info: its prunable layers.
        unit: the kind of unit that is ranked.
        blocks: the units to be ranked.
        statistics: what was gathered, by kind, then by name; see :func:`pruneviz.pruning.gather`.
        seed: of scores that draw.
        example: float32 (1, C, H, W), preprocessed, on the network's device; for scores that use it.
    """

    net: nn.Module
    info: ModelInfo
    unit: str
    blocks: tuple[Block, ...]
    statistics: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    seed: int = 0
    example: Tensor | None = None

    @property
    def weights(self) -> dict[str, Tensor]:
        """The prunable weights by name, detached, in execution order."""
        named = dict(self.net.named_parameters())
        return {layer.parameter: named[layer.parameter].detach() for layer in self.info.layers}

    def gathered(self, need: str) -> Mapping[str, Tensor]:
        """One kind of statistic, by name.

        Raises:
            Unsupported: it was not gathered.
        """
        if need not in self.statistics:
            what = read_need(need)[0]
            raise Unsupported(
                f"This needs {what}: gather them first with pruneviz.pruning.gather({need!r}, net, data, …)."
            )
        return self.statistics[need]


class Part:
    """One part of a method; its options are its dataclass fields.

    Attributes:
        name: how the part is called.
        summary: one line of what it does.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def to_plain(self) -> dict[str, Any]:
        """The part's name and all its options, as plain data."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # every part is a dataclass
        return {"name": self.name, **{f.name: to_plain(getattr(self, f.name)) for f in fields}}


class Space(Part, ABC):
    """What can be removed, at what cost, and what must go together.

    Attributes:
        unit: the kind of unit.
        lasts: what a removal lasts for: the model (later: a task, or one input).
        speedup: what the removal makes faster.
        sparsity: the only sparsity that the space allows, where there is one.
    """

    unit: ClassVar[str]
    lasts: ClassVar[str] = "model"
    speedup: ClassVar[str]

    @property
    def sparsity(self) -> float | None:
        """The only fraction of units that can be removed; None where any can."""
        return None

    @abstractmethod
    def __call__(self, net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> Units:
        """Find the units of a network.

        Args:
            net: left as it is.
            info: its layers.
            exclude: shell patterns of layers (module or weight names) that are never pruned.
            example: float32 (1, C, H, W), preprocessed, on the network's device.

        Raises:
            Unsupported: the network has no such units, or they cannot be found.
        """


class Score(Part, ABC):
    """How much a unit matters; the smallest scores are removed.

    Attributes:
        needs: statistics that have to be gathered first, such as ``gradients``.
        draws: whether it uses the seed itself.
        uses_example: whether it is given an image; else :attr:`Given.example` is None.
        units: the kinds of unit that it can rank.
        effort: what it computes beside the statistics, as text; empty where that is next to nothing.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    draws: ClassVar[bool] = False
    uses_example: ClassVar[bool] = False
    units: ClassVar[tuple[str, ...]] = UNITS
    effort: ClassVar[str] = ""

    @property
    def wanted(self) -> frozenset[str]:
        """The statistics with their options, as :func:`pruneviz.pruning.needs.write_need` writes them."""
        return self.needs

    @abstractmethod
    def __call__(self, given: Given) -> Scores:
        """Score a network's units.

        Raises:
            Unsupported: the network lacks what the score reads.
        """

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Say before anything starts if the network lacks what the score reads.

        Args:
            net: left as it is.
            units: its units that will be ranked.
            example: float32 (1, C, H, W), preprocessed, on the network's device.

        Raises:
            Unsupported: it does.
        """

    def notes(self, given: Given) -> tuple[str, ...]:
        """What people should know of the scores beside which units go, told with what was pruned."""
        return ()


class Allocation(Part, ABC):
    """How the amount is divided over the blocks.

    Attributes:
        units: the kinds of unit that it can divide.
        sized: whether it finds out by itself how much to remove, level by level; see :meth:`amount`.
    """

    units: ClassVar[tuple[str, ...]]
    sized: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """Choose the units to remove.

        Args:
            blocks: the blocks; those units that are ``gone`` rank first (at −∞) and are counted in ``remove``.
            ranked: scores by block.
            remove: how many units are removed in the end, between the sum of ``gone`` and :meth:`most`.

        Returns:
            boolean tensors by block, true where removed, ``remove`` in all.
        """

    def most(self, blocks: Sequence[Block]) -> int:
        """How many units can be removed at most."""
        return sum(b.most for b in blocks)

    def amount(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked]) -> dict[str, Tensor]:
        """Of one that is ``sized``: what is removed at the end of the next level, as :meth:`__call__` returns it."""
        raise TypeError(f"the allocation {self.name!r} is told how much to remove")


class Schedule(Part, ABC):
    """When the amount is removed.

    Attributes:
        kind: ``one-shot``, ``iterative`` (levels, each pruned and then recovered) or ``training`` (while the network is
            trained; see :meth:`hook`).
        units: the kinds of unit that it can be used with.
        own: whether it follows levels of its own, whatever the target.
        numbered: whether its levels are mere numbers, and an allocation that is ``sized`` says how much each removes.
        rescores: whether the recipe's score is computed anew within one pruning; see :meth:`phases`.
        needs: statistics that have to be gathered for scores of its own; see :meth:`phases`.
    """

    kind: ClassVar[str]
    units: ClassVar[tuple[str, ...]] = UNITS
    own: ClassVar[bool] = False
    numbered: ClassVar[bool] = False
    rescores: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        """See the class."""
        return frozenset()

    @abstractmethod
    def levels(self, target: Target) -> tuple[Target, ...]:
        """The targets to be reached one after another; the last is the target itself, unless the levels are its own."""

    def phases(self, score: Score, level: Target) -> tuple[tuple[Score, Target], ...]:
        """Scores and targets within one level, one after another with nothing trained between; the last is the level.

        Args:
            score: the recipe's.
            level: what is to be reached.
        """
        return ((score, level),)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """Of kind ``training``: what takes part in a training and prunes meanwhile.

        Raises:
            TypeError: it is of another kind.
        """
        raise TypeError(f"the schedule of {recipe.name!r} is {self.name!r}, which does not prune while training")

    def notes(self, given: Given, level: Target) -> tuple[str, ...]:
        """What people should know of the network before a pruning.

        Args:
            given: the network with its weights before this pruning, what was removed earlier being zero.
            level: what is to be reached.
        """
        return ()

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Say before anything starts if the network lacks what the schedule reads.

        Raises:
            Unsupported: it does.
        """

    def control(self) -> Schedule:
        """The schedule of the random control: the same amounts at the same times, and nothing learned."""
        return self


class Update(Part, ABC):
    """What becomes of the weights that stay, at the moment of pruning and without training.

    Attributes:
        needs: statistics that have to be gathered first.
        units: the kinds of unit that it goes with.
        changes: whether it changes any weight.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    units: ClassVar[tuple[str, ...]] = UNITS
    changes: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, given: Given, mask: Mask) -> dict[str, Tensor]:
        """The weights that change, whole, by parameter name.

        Args:
            given: the network with its weights before this pruning.
            mask: what is kept after it.
        """

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Say before anything starts if the network lacks what the update reads.

        Raises:
            Unsupported: it does.
        """
