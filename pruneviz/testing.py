"""Hold a pruning method to what every shipped one promises: for other people's methods, and for this project's tests.

    from pruneviz.testing import check_method

    def test_my_method():
        check_method("my-score")

The networks are the shipped architectures, small and untrained, on noise, so that all of it takes seconds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz import pruning
from pruneviz.core.errors import PrunevizError
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.data import ImageData, Split
from pruneviz.models.inspect import ModelInfo, examine
from pruneviz.pruning.methods.metanetwork import Edited
from pruneviz.pruning.needs import step_of
from pruneviz.pruning.parts import Space, Units
from pruneviz.pruning.recipes import Recipe
from pruneviz.pruning.schedules import Gradual, Levels, Rescored, Rounds
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

ASKED = (Target("sparsity", 0.25), Target("sparsity", 0.5), Target("sparsity", 0.75))
EXTREMES = (Target("sparsity", 0.95), Target("sparsity", 0.99))
_SAMPLES = 10  # calibration images
_ROUNDS = 5  # of schedules that score again and again: enough to see that they keep their promises
_SEEDS = 9  # so few units may be there that two seeds draw the same ones
_GAP = 1e-5  # between cut and masked, of the largest logit


class BrokenPromise(AssertionError):
    """A method does not do what every method promises."""


@dataclass(frozen=True, eq=False)
class Case:
    """A network with what is needed to prune it.

    Attributes:
        net: in evaluation mode.
        info: its layers.
        data: some noise with labels.
        example: float32 (1, C, H, W), preprocessed.
        name: of the architecture.
        statistics: what was gathered on it so far, by need.
        units: what can be removed of it, as far as that was looked for.
    """

    net: nn.Module
    info: ModelInfo
    data: ImageData
    example: Tensor
    name: str = ""
    statistics: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)
    units: dict[Space, Units] = field(default_factory=dict)

    def space(self, recipe: Recipe) -> Units:
        """What the method can remove of the network."""
        if recipe.space not in self.units:
            self.units[recipe.space] = recipe.space(self.net, self.info, (), self.example)
        return self.units[recipe.space]

    def select(self, recipe: Recipe, target: Target, seed: int = 0, **options: Any) -> pruning.Selected:
        """Prune, with statistics of ten images."""
        for need in recipe.needs - set(self.statistics):
            if step_of(need) is None:
                self.statistics[need] = pruning.gather(need, self.net, self.data, samples=_SAMPLES, seed=0)
            else:
                self.statistics[need] = self._earlier()
        statistics = {need: self.statistics[need] for need in recipe.needs}
        return pruning.select(
            self.net,
            self.info,
            recipe,
            target,
            statistics=statistics,
            seed=seed,
            example=self.example,
            units=self.space(recipe),
            **options,
        )

    def _earlier(self) -> dict[str, Tensor]:
        """Weights that stand for those of an earlier step of training."""
        generator = torch.Generator().manual_seed(2)
        return {
            n: p.detach() + 0.01 * torch.randn(p.shape, generator=generator) for n, p in self.net.named_parameters()
        }

    def check(self, recipe: Recipe, targets: Sequence[Target]) -> None:
        """Ask whether the method can be carried out; raises where it cannot."""
        pruning.check(self.net, self.info, recipe, targets, (), self.example)

    def logits(self, net: nn.Module) -> Tensor:
        """Of six images."""
        with torch.no_grad():
            out: Tensor = net(self.data.preprocess(self.data.test.images[:6]))
        return out


def noise(size: int, channels: int = 1, count: int = 30) -> ImageData:
    """Images of noise in ten classes, the same in every split."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    ids = np.array([f"test:{i}" for i in range(count)])
    split = Split(pixels, np.arange(count, dtype=np.int64) % 10, ids)
    return ImageData("noise", split, None, split, tuple("0123456789"), (0.5,) * channels, (0.25,) * channels)


def case(net: nn.Module, size: int, channels: int = 1, name: str = "") -> Case:
    """A network, in evaluation mode, with its batch norm moved away from the identity."""
    generator = torch.Generator().manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            tensors: Any = (module.weight, module.bias, module.running_mean, module.running_var)
            for tensor, low, high in zip(tensors, (0.5, -0.5, -0.5, 0.5), (1.5, 0.5, 0.5, 2.0), strict=True):
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    net.eval()
    data = noise(size, channels)
    example = data.preprocess(data.test.images[:1])
    return Case(net, examine(net, example, 10), data, example, name)


def _networks() -> dict[str, tuple[Callable[[], nn.Module], int]]:
    from pruneviz_samples import nets

    return {
        "mlp": (nets.MLP, 8),
        "cnn": (nets.SmallCNN, 8),
        "lenet5": (nets.LeNet5, 28),
        "resnet8": (lambda: nets.ResNet8(width=8), 28),
        "vit": (lambda: nets.TinyViT(depth=2, dim=32, hidden=64), 28),
    }


ARCHITECTURES = ("mlp", "cnn", "lenet5", "resnet8", "vit")


def build(architecture: str) -> Case:
    """One of :data:`ARCHITECTURES`, the same at every call; torch's random state stays as it was."""
    make, size = _networks()[architecture]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return case(make(), size, name=architecture)


def check_method(
    method: str | Mapping[str, Any] | Recipe, architectures: Sequence[str] = ARCHITECTURES
) -> dict[str, str]:
    """Run a method on the shipped architectures and hold it to what every method promises.

    It removes exactly as much as is asked, ties by position; the same seed gives the same mask; more sparsity removes
    the same and more; nothing changes at ratio 0; the given network stays as it is; no output is NaN and no layer dies
    unnamed; a cut network gives what the masked one gives; the random control stands at the same cost; what cannot be
    done is refused before it starts. A method that prunes during training does so for a few steps, too.

    Args:
        method: as in a study: a name, or a table such as ``{"name": "taylor", "allocation": "uniform"}``; or a recipe.
        architectures: some of :data:`ARCHITECTURES`.

    Returns:
        by architecture, ``kept``, or why it was refused.

    Raises:
        BrokenPromise: the method breaks a promise, or is refused everywhere; the text says which and where.
        SpecError: there is no such method.
    """
    recipe = method if isinstance(method, Recipe) else pruning.resolve(Choice.parse(method, "method"), "method")
    found = {}
    for architecture in architectures:
        on = build(architecture)
        reason = refusal(on, recipe)
        if reason is None:
            keeps_its_promises(on, recipe)
            changes_nothing_at_ratio_0(on, recipe)
            goes_to_extremes(on, recipe)
            reaches_every_level(on, recipe)
            prunes_while_training(on, recipe)
        found[architecture] = reason or "kept"
    if "kept" not in found.values():
        raise BrokenPromise(f"{recipe.name} is refused on every architecture: {found}")
    return found


def refusal(on: Case, recipe: Recipe) -> str | None:
    """Why the method cannot be carried out on a network; None where it can."""
    try:
        on.check(recipe, ASKED)
    except PrunevizError as e:
        return str(e)
    return None


def keeps_its_promises(on: Case, recipe: Recipe) -> None:
    """Prune by a quarter, a half and three quarters, or to the method's own sparsity, and look at what comes out."""
    recipe = _quick(recipe)

    def require(kept: bool, promise: str) -> None:
        if not kept:
            raise BrokenPromise(f"{recipe.name} on {on.name or type(on.net).__name__}: {promise}")

    before = snapshot(on.net)
    space = on.space(recipe)
    total = sum(b.size for b in space.blocks)
    smaller = None
    for target in recipe.targets(ASKED):
        s = on.select(recipe, target)

        removed = sum(int(r.sum()) for r in space.gone(s.mask).values())
        asked = count_removed(target.value, total) if target.kind == "sparsity" else removed
        require(removed == asked, f"{removed} of {total} units are removed, {asked} were asked for")
        require(s.achieved == removed / total, f"it says {s.achieved}, and removed {removed / total}")

        require({x.parameter for x in on.info.layers} <= set(s.mask), "the mask does not cover every prunable weight")
        require(on.select(recipe, target).mask.same_as(s.mask), "the same seed gives another mask")
        if recipe.score.draws:
            drawn = (on.select(recipe, target, seed=i).mask.same_as(s.mask) for i in range(1, _SEEDS))
            require(not all(drawn), "other seeds give the same mask")

        if smaller is not None and not recipe.schedule.rescores:
            nested = all((s.mask[n] <= smaller[n]).all() for n in smaller)
            require(nested, "more sparsity keeps what less sparsity removed")
        smaller = s.mask

        require(recipe.update.changes or not s.weights, "weights change without an update")
        masked = copy.deepcopy(on.net)
        pruning.commit(masked, s)
        found = on.logits(masked)
        require(bool(found.isfinite().all()), "outputs are NaN or infinite")
        for name in pruning.dead_layers(on.info, s.mask):
            named = any("no weight is left" in w and name in w for w in s.warnings)
            require(named, f"the layer {name} is emptied and no warning names it")
        require(all(kept.any() for kept in s.mask.units.values()), "a group of channels is emptied")
        if s.mask.units:
            cut = on.logits(pruning.cut(masked, s.mask, on.example))
            gap = float((cut - found).abs().max() / found.abs().max())
            require(gap < _GAP, f"the cut network differs from the masked one by {gap:.2g} of the largest logit")

        control = on.select(pruning.control_of(recipe), target)
        require(control.achieved == s.achieved, "the random control does not stand at the same cost")
    require(same(before, snapshot(on.net)), "the given network was changed")


def changes_nothing_at_ratio_0(on: Case, recipe: Recipe) -> None:
    """Remove nothing and look for a changed bit; methods with a sparsity of their own cannot be asked."""
    if recipe.target != "exact":
        return
    s = on.select(_quick(recipe), Target("sparsity", 0.0))
    net = copy.deepcopy(on.net)
    pruning.commit(net, s)
    if s.mask.removed_count or s.achieved or not torch.equal(on.logits(net), on.logits(on.net)):
        raise BrokenPromise(f"{recipe.name} on {on.name}: something changes although nothing is to be removed")


def goes_to_extremes(on: Case, recipe: Recipe) -> None:
    """Ask for 95 and 99 %: exact, with emptied layers named, or refused with what can be reached."""
    recipe = _quick(recipe)
    for target in recipe.targets(EXTREMES):
        try:
            on.check(recipe, (target,))
        except PrunevizError:
            try:
                on.select(recipe, target)
            except PrunevizError as e:
                if "at most" in str(e):
                    continue
            where = f"{recipe.name} on {on.name}"
            raise BrokenPromise(f"{where}: {target.label} is refused, but not with what is possible") from None
        s = on.select(recipe, target)
        if bool(pruning.dead_layers(on.info, s.mask)) != any("no weight is left" in w for w in s.warnings):
            raise BrokenPromise(f"{recipe.name} on {on.name}: layers are emptied and no warning names them")


def reaches_every_level(on: Case, recipe: Recipe) -> None:
    """Go through the schedule's levels to 60 %, or its own, each from the mask of the one before."""
    recipe = _quick(recipe)
    (last,) = recipe.targets((Target("sparsity", 0.6),))
    mask, achieved = None, 0.0
    for level in recipe.schedule.levels(last):
        s = on.select(recipe, level, mask=mask)
        if s.achieved < achieved or (mask is not None and not all((s.mask[n] <= mask[n]).all() for n in mask)):
            raise BrokenPromise(f"{recipe.name} on {on.name}: {level.label} keeps what the one before removed")
        mask, achieved = s.mask, s.achieved
    near = max(0.005, 0.5 / sum(b.size for b in on.space(recipe).blocks) + 1e-9)  # few units cannot come nearer
    if last.kind == "sparsity" and abs(achieved - last.value) > near:
        raise BrokenPromise(f"{recipe.name} on {on.name}: its levels end at {achieved}, not at {last.value}")


def prunes_while_training(on: Case, recipe: Recipe) -> None:
    """Of a schedule that prunes during training: train for three steps, and look at what comes out."""
    if recipe.schedule.kind != "training":
        return
    total = sum(b.size for b in on.space(recipe).blocks)
    target, masks = Target("sparsity", 0.5), []
    for _ in range(2):
        net = copy.deepcopy(on.net)
        hook = pruning.training_hook(_quick(recipe), target, pruning.Ground(on.info, samples=_SAMPLES))
        keeper = MaskKeeper(net, pruning.full_mask(on.info))
        train(net, on.data, TrainSpec(epochs=1, batch_size=10, lr=0.01), seed=0, keeper=keeper, hooks=(hook,))
        masks.append(hook.mask)
        tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
        for kept, promise in (
            (hook.achieved == count_removed(0.5, total) / total, f"it removes {hook.achieved} of the units, not half"),
            (keeper.mask.same_as(hook.mask), "what the trainer keeps is not what the method says"),
            (hook.mask.same_as(masks[0]), "the same seed gives another mask"),
            (
                all(not tensors[n][torch.from_numpy(~k)].any() for n, k in hook.mask.items()),
                "removed weights are not 0",
            ),
            (bool(on.logits(net.eval()).isfinite().all()), "outputs are NaN or infinite"),
            (not any(m._forward_hooks for m in net.modules()), "something is left hanging on the network"),
        ):
            if not kept:
                raise BrokenPromise(f"{recipe.name} on {on.name}, while training: {promise}")


def snapshot(net: nn.Module) -> Any:
    """What must not change: parameters, buffers, gradients, modes, hooks, requires_grad, and the objects themselves."""
    state = {k: v.clone() for k, v in net.state_dict().items()}
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in net.named_parameters()}
    flags = {n: (p.requires_grad, id(p)) for n, p in net.named_parameters()}
    modes = {n: (m.training, len(m._forward_hooks), len(m._backward_hooks)) for n, m in net.named_modules()}
    return state, grads, flags, modes


def same(a: Any, b: Any) -> bool:
    """Whether two snapshots are equal, tensors bit for bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _quick(recipe: Recipe) -> Recipe:
    if isinstance(recipe.schedule, Rescored):
        return replace(recipe, schedule=replace(recipe.schedule, times=_ROUNDS))
    if isinstance(recipe.schedule, (Rounds, Levels)):
        return replace(recipe, schedule=replace(recipe.schedule, rounds=_ROUNDS))
    if isinstance(recipe.schedule, Gradual):
        return replace(recipe, schedule=replace(recipe.schedule, every=1))
    if isinstance(recipe.schedule, Edited):
        return replace(recipe, schedule=replace(recipe.schedule, edits=_ROUNDS))
    return recipe
