"""FedTiny: sparse training on clients that share weights and never images (Huang et al. 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import SpecError
from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Uniform, by_counts
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.clients import deal, in_turns, loss_over
from pruneviz.pruning.during import DuringTraining, Ground
from pruneviz.pruning.methods.regrowth import exchange
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.scores import Magnitude
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.clients import Ints
    from pruneviz.pruning.during import Training
    from pruneviz.pruning.selection import Selected


@dataclass(frozen=True)
class Federated(Schedule):
    """Rounds in which clients train in turns from the same weights, and the server averages what they come to.

    Before the first round the server makes candidates: masks of the recipe's score that remove as much in all, and of
    each layer what noise says. Each client measures batch norm's statistics with each candidate; these are averaged;
    the candidate is taken whose mean loss over the clients' images is least then. After every so many rounds each layer
    drops the fraction α/2 · (1 + cos πt/T) of its weights, the smallest, and grows as many where the clients' mean
    gradient in that round is largest; t counts rounds, T is the last in which this is done.

    A client's momentum begins anew each turn. Each client has images of its own, of some classes more than of others
    (:func:`~pruneviz.pruning.clients.deal`), and weighs in means of weights and gradients by their number. Without a
    concentration the training's shuffle deals the images to the clients, anew in every epoch, so clients are alike.
    """

    name: ClassVar[str] = "federated"
    summary: ClassVar[str] = "in rounds of clients' training and averaging, from the best of several candidate masks"
    kind: ClassVar[str] = "training"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    clients: int = option(10, "how many take turns in a round", unit="clients", ge=1, le=1000)
    turn: int = option(5, "a client's steps in a round", unit="steps", ge=1)
    every: int = option(10, "rounds between two exchanges", unit="rounds", ge=1)
    end: float = option(1 / 3, "after which fraction of training nothing is exchanged any more", gt=0, le=1)
    alpha: float = option(0.2, "α: exchanged fraction of a layer's weights at the beginning", ge=0, le=1)
    candidates: int = option(10, "how many masks the clients choose from", unit="masks", ge=1, le=1000)
    concentration: float | None = option(
        0.5, "of the Dirichlet law by which each class's images are dealt to clients; absent: clients are alike", gt=0
    )
    noise: float = option(0.5, "layer densities of candidates are multiplied by 1 ± up to this", ge=0, lt=1)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def fraction_at(self, done: float) -> float:
        """The exchanged fraction when the fraction ``done`` of training is done."""
        return self.alpha / 2 * (1 + math.cos(math.pi * min(done / self.end, 1.0)))

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Turns(self, recipe, target, ground)

    def control(self) -> Schedule:
        """One candidate, and nothing is exchanged."""
        return replace(self, candidates=1, alpha=0.0)


class Turns(DuringTraining):
    """Turns, averages, and exchanges between rounds."""

    def __init__(self, schedule: Federated, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(recipe, target, ground)
        self.federated = schedule
        self.shared: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        self.turns, self.weights = 0, 0.0
        self.gradients: dict[str, Tensor] = {}
        self.exchanges = 0
        self.started = 0
        self.dealt: list[Ints] = []  # each client's images; empty where clients are alike

    @property
    def warnings(self) -> tuple[str, ...]:
        """See :class:`~pruneviz.pruning.during.DuringTraining`."""
        s = self.federated
        steps = s.every * s.clients * s.turn
        short = f"no weights were exchanged: this happens every {steps} steps, in the first {s.end:.0%} of training"
        return (*super().warnings, *([short] if s.alpha and not self.exchanges else []))

    def on_start(self, t: Training) -> None:
        """Deal the images, and choose among the candidates."""
        import numpy as np

        self.started = t.step
        s = self.federated
        if s.concentration is not None:
            assert t.data.train is not None
            if (images := len(t.data.train)) < s.clients:
                raise SpecError("fedtiny clients", s.clients, f"at most {images}, the training images")
            rng = np.random.default_rng([self.ground.seed, 2])
            self.dealt = deal(t.data.train.labels, s.clients, s.concentration, rng)
            t.arrange = self._arranged
        self.keep(t, self.best(t, self.offered(t)))
        self._share(t)

    def after_backward(self, t: Training) -> None:
        """Sum up the dense gradients of a round that ends with an exchange."""
        s = self.federated
        if self._exchanges_after(t, (t.step - self.started) // (s.clients * s.turn) + 1):
            named = dict(t.net.named_parameters())
            for block in self.units(t).blocks:
                if (g := named[block.name].grad) is not None:
                    known, own = self.gradients.get(block.name), self._weight() * g
                    self.gradients[block.name] = own if known is None else known + own

    def after_step(self, t: Training) -> None:
        """End a turn, a round, or neither."""
        s, done = self.federated, t.step - self.started
        if done % s.turn:
            return
        self._hand_in(t)
        if self.turns < s.clients:
            self._load(t, self.shared)
            return
        self._average(t)
        if self.gradients:
            mask = exchange(t, self.mask, self.gradients, s.fraction_at(t.step / t.total_steps))
            self.keep(t, replace(self.selected, mask=mask))
            self.gradients, self.exchanges = {}, self.exchanges + 1
        self._share(t)

    def on_end(self, t: Training) -> None:
        """Average what there is of an unfinished round."""
        if (t.step - self.started) % self.federated.turn:
            self._hand_in(t)
        if self.turns:
            self._average(t)

    def offered(self, t: Training) -> list[Selected]:
        """The candidates; the first is the recipe's own choice."""
        import numpy as np

        from pruneviz.pruning.smallest import Ranked

        units = self.units(t)
        first = self.choose(t, self.target)
        removed = sum(int(r.sum()) for r in units.gone(first.mask).values())
        ranked = {name: Ranked(scores) for name, scores in self.scored(t).items()}
        rng = np.random.default_rng(self.ground.seed)
        found = [first]
        for _ in range(self.federated.candidates - 1):
            noise = 1 + self.federated.noise * rng.uniform(-1, 1, len(units.blocks))
            rates = [float(f) * b.size for f, b in zip(noise, units.blocks, strict=True)]
            total = sum(b.size for b in units.blocks)
            kept = apportion(
                rates, total - removed, [b.size - b.most for b in units.blocks], [b.size for b in units.blocks]
            )
            counts = [b.size - n for b, n in zip(units.blocks, kept, strict=True)]
            found.append(replace(first, mask=units.mask(by_counts(units.blocks, ranked, counts))))
        return found

    def best(self, t: Training, offered: Sequence[Selected]) -> Selected:
        """The candidate of the least mean loss over the clients, each with the clients' mean batch-norm statistics."""
        import numpy as np

        if len(offered) == 1:
            return offered[0]
        assert t.data.train is not None
        rng, samples = np.random.default_rng([self.ground.seed, 1]), self.ground.samples
        if any(len(own) > 1 for own in self.dealt):
            share = min(1.0, samples / len(t.data.train))
            parts = [rng.permutation(own)[: max(2, round(share * len(own)))] for own in self.dealt]
            parts = [p for p in parts if len(p) > 1]  # batch norm needs two images
        else:
            images = rng.permutation(len(t.data.train))[:samples]
            parts = np.array_split(images, max(1, min(self.federated.clients, len(images) // 2)))
        clients = [sorted(map(int, own)) for own in parts]
        return min(offered, key=lambda s: loss_over(t, s.mask, clients))  # the first of equals

    def _exchanges_after(self, t: Training, number: int) -> bool:
        """Whether weights are exchanged after the round of this number, from 1."""
        s = self.federated
        at = (self.started + number * s.clients * s.turn) / t.total_steps
        return bool(s.alpha) and number % s.every == 0 and at < s.end

    def _arranged(self, first: int, batches: Sequence[Tensor]) -> list[Tensor]:
        """The batches of an epoch that begins at step ``first``, each of the client whose turn it is."""
        s, since = self.federated, first - self.started  # negative: steps before the start are not trained on
        takers = [max(since + at, 0) // s.turn % s.clients for at in range(len(batches))]
        return in_turns(batches, self.dealt, takers)

    def _weight(self) -> float:
        """Of the client whose turn it is, in means: 1 on average."""
        if not self.dealt:
            return 1.0
        return len(self.dealt[self.turns]) * len(self.dealt) / sum(map(len, self.dealt))

    def _share(self, t: Training) -> None:
        self.shared = {k: v.detach().clone() for k, v in t.net.state_dict().items() if v.is_floating_point()}
        self.sums, self.turns, self.weights = {}, 0, 0.0
        t.optimizer.state.clear()

    def _hand_in(self, t: Training) -> None:
        state, weight = t.net.state_dict(), self._weight()
        own = {k: weight * state[k].detach() for k in self.shared}
        self.sums = {k: v if not self.turns else self.sums[k] + v for k, v in own.items()}
        self.turns, self.weights = self.turns + 1, self.weights + weight

    def _average(self, t: Training) -> None:
        self._load(t, {k: v / self.weights for k, v in self.sums.items()})
        self.turns, self.weights = 0, 0.0

    def _load(self, t: Training, values: dict[str, Tensor]) -> None:
        import torch

        state = t.net.state_dict()
        with torch.no_grad():
            for name, value in values.items():
                state[name].copy_(value)
        t.optimizer.state.clear()


PARTS = (Federated,)
RECIPES = (
    Recipe(
        name="fedtiny",
        space=Weights(),
        score=Magnitude(),
        allocation=Uniform(),
        schedule=Federated(),
        recovery=Choice("lr-rewind", {}),
        summary="clients choose among candidate masks, train and average in rounds, and exchange weights between them",
        formula="the mask of least loss; per layer drop α/2 (1 + cos πt/T) of the smallest |w|, grow most |mean ∇|",
        reference=Reference(
            "Huang, Zhang, Sun, Fang, Yuan, Wu",
            2023,
            "Distributed pruning towards tiny neural networks in federated learning",
            "ICDCS",
            "2212.01977",
        ),
        differs="clients are simulated in one process and all take part in every round; all layers exchange at once; "
        "a turn is 5 steps, not 5 epochs; what is pruned, and trained again, is the dense network",
    ),
)
