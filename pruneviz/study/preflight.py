"""Everything that can be refused is refused before any training starts; what it will take is estimated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pruneviz.core.analysis import Analysis, Seen, Subject
from pruneviz.core.errors import DataError, ModelError, SpecError, located, nearest
from pruneviz.core.spec import ModelSpec
from pruneviz.study import inputs
from pruneviz.study.normalising import require_own_normalisation
from pruneviz.study.observe import SeenModel
from pruneviz.study.plan import Crossing, Plan, crossings, recovery_of
from pruneviz.study.steps import Step
from pruneviz.training.schedule import passes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.data import ImageData
    from pruneviz.models import LayerInfo, ModelInfo
    from pruneviz.pruning.recipes import Recipe
    from pruneviz.training.recoveries import Recovery

SMALL_STEP = 0.15  # seconds: reading, building and writing that every step has


@dataclass(frozen=True)
class Costs:
    """Measured on this machine, one thread: seconds for one image, and bytes of one model.

    Attributes:
        train_s, predict_s: by model label.
        bytes: a saved model's size, by model label.
    """

    train_s: Mapping[str, float]
    predict_s: Mapping[str, float]
    bytes: Mapping[str, int]
    train_images: int
    eval_images: int

    def seconds(self, step: Step) -> float:
        """How long a step takes, roughly."""
        model = step.context.get("model")
        if model is None or model.label not in self.train_s:
            return 2 * SMALL_STEP
        trained, evaluated = self._images(step)
        timed = 2 * float(step.params["seconds"]) if step.kind == "latency" else 0.0
        timed = step.context["observation"].seconds if step.kind == "observe" else timed
        return SMALL_STEP + timed + trained * self.train_s[model.label] + evaluated * self.predict_s[model.label]

    def _images(self, step: Step) -> tuple[float, float]:
        """How many images a step trains on, and how many it only evaluates."""
        if step.kind == "dense" and step.context["train"] is not None:
            return passes(step.context["train"], self.train_images) * self.train_images, 0.0
        if step.kind == "train":
            epochs = step.context["recovery"].epochs_of(step.context["base"], self.train_images)
            return epochs * self.train_images, 0.0
        if step.kind == "statistics":
            return float(step.params.get("samples", 0)), 0.0
        if step.kind == "observe":
            seen = step.context["observation"]
            return seen.trained + seen.epochs * self.train_images, float(seen.evaluated)
        return 0.0, float(self.eval_images) if step.kind == "measure" else 0.0

    def size(self, step: Step) -> int:
        """How many bytes a step's artifact takes, roughly."""
        model = step.context.get("model")
        weights = self.bytes.get(model.label, 0) if model is not None else 0
        if step.kind in ("dense", "given", "start", "statistics", "train"):
            kept = len(step.context["train"].keep_steps) if step.kind == "dense" and step.context["train"] else 0
            return weights * (1 + kept) + 4096
        if step.kind == "prune":
            return weights // 32 + 4096 + (weights if step.context["recipe"].update.changes else 0)
        return 40 * self.eval_images + 8192 if step.kind == "measure" else 8192


def preflight(plan: Plan, live: Mapping[str, Any], analyses: Sequence[Analysis] = ()) -> Costs:
    """Load the data, build every model, and check that each method and recovery can be carried out on it.

    Raises:
        PrunevizError: whatever cannot be done, with the remedy.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _Preflight(plan, live).costs(analyses)
    finally:
        torch.set_num_threads(threads)


def _asked(crossed: Sequence[Crossing]) -> tuple[tuple[Recipe, ...], tuple[Recovery, ...]]:
    """The methods, controls included, and the recoveries, those that methods bring with them included."""
    recipes = tuple(dict.fromkeys(r for c in crossed for r in c.recipes))
    own = (recovery_of(r) for r in recipes if r.recovery is not None)
    return recipes, tuple(dict.fromkeys((*(r for c in crossed for r in c.recoveries), *own)))


class _Preflight:
    """The checks of one study.

    Attributes:
        loaded: its images.
        recipes: its methods, controls included.
        recoveries: those of the study, and those that methods bring with them.
    """

    def __init__(self, plan: Plan, live: Mapping[str, Any]) -> None:
        self.plan, self.live = plan, live
        self.loaded = inputs.images(plan.spec.data, plan.data_digest, live)
        self.crossings = crossings(plan.spec, live)
        self.recipes, self.recoveries = _asked(self.crossings)

    def costs(self, analyses: Sequence[Analysis]) -> Costs:
        """Check everything, and measure how long one image takes."""
        from pruneviz import models, training

        spec, loaded = self.plan.spec, self.loaded
        if len(loaded.classes) < 2:
            raise DataError(
                f"[data]: {loaded.name} has {len(loaded.classes)} class; with fewer than 2 there is nothing to tell "
                "apart. Use data with more classes."
            )
        if loaded.train is None:
            self._need_no_training()
        elif any(not models.has_weights(m) for m in spec.models):
            for train in spec.trains:
                training.check_training(train, len(loaded.train.labels))
        for recovery in self.recoveries:
            training.require_function(recovery)
        train_s, predict_s, sizes = {}, {}, {}
        layers: list[LayerInfo] = []
        seen: dict[str, Seen] = {}
        for model in spec.models:
            with located(f"model {model.label!r}"):
                models.refresh(model)
                net, info = self._checked(model)
                layers += info.layers
                train_s[model.label], predict_s[model.label] = _speed(net, loaded, self._trains(model))
                if models.has_weights(model):
                    require_own_normalisation(net, loaded, spec.data)
                example = loaded.preprocess(loaded.test.images[:1])
                seen[model.label] = SeenModel("", net, None, info, loaded, example, "cpu")
            sizes[model.label] = sum(t.numel() * t.element_size() for t in net.state_dict().values())
        self._require_excluded(layers)
        for analysis in analyses:
            analysis.check(Subject(spec, loaded.classes, len(loaded.test.labels), seen))
        count = len(loaded.train.labels) if loaded.train is not None else 0
        held = len(loaded.val.labels) if loaded.val is not None else 0
        return Costs(train_s, predict_s, sizes, count, held + len(loaded.test.labels))

    def _checked(self, model: ModelSpec) -> tuple[nn.Module, ModelInfo]:
        """Build every replicate; the last, with what it consists of."""
        from pruneviz import models, pruning
        from pruneviz.pruning.recipes import label
        from pruneviz.study.given import read_given

        example = self.loaded.preprocess(self.loaded.test.images[:1])
        if self.plan.spec.compare is not None:
            for replicate in range(model.first, model.first + model.replicates):
                given = read_given(model, replicate, self.live, example, len(self.loaded.classes))
            return given.net, given.info
        make = models.build if models.has_weights(model) else models.build_fresh
        for replicate in range(model.first, model.first + model.replicates):
            with located(f"replicate {replicate}" if model.replicates > 1 else ""):
                net = make(model, replicate, self.live)
                info = models.examine(net, example, len(self.loaded.classes))
        for crossing in self._of(model):
            for recipe in crossing.recipes:
                with located(f"method {label(recipe)}"):
                    pruning.check(net, info, recipe, crossing.prune.sparsities, crossing.prune.exclude, example)
        self._check_recoveries(model, models.has_batch_norm(net))
        return net, info

    def _of(self, model: ModelSpec) -> tuple[Crossing, ...]:
        """The crossings that any dense model of this kind is in."""
        spec = self.plan.spec
        labels = {spec.dense_label(model, train) for train in spec.trains}
        return tuple(c for c in self.crossings if any(c.covers(label) for label in labels))

    def _check_recoveries(self, model: ModelSpec, batch_norm: bool) -> None:
        from pruneviz import models, training
        from pruneviz.pruning.recipes import label

        recipes, recoveries = _asked(self._of(model))
        trained_here = not models.has_weights(model)
        for train in self.plan.spec.trains:
            kept = train.keep_steps if trained_here else models.kept_steps(model, model.first)
            for recipe in recipes:
                training.require_steps(f"Method {label(recipe)}", recipe.steps, trained_here, kept)
            for recovery in recoveries:
                training.check(recovery, train, trained_here=trained_here, kept_steps=kept, batch_norm=batch_norm)

    def _trains(self, model: ModelSpec) -> bool:
        """Whether the model will be trained, or may be by an analysis that looks at it, so that it must be able to."""
        from pruneviz import models

        gradients = any(r.passes - {"weights"} for r in self.recipes)
        seen = (s.context["observation"] for s in self.plan.steps.values() if s.kind == "observe")
        retrained = any(r.trains for r in self.recoveries) or any(o.epochs or o.trained for o in seen)
        return not models.has_weights(model) or gradients or retrained

    def _need_no_training(self) -> None:
        """Without a training split there is nothing but comparing."""
        from pruneviz import models

        where = f"[data] source {self.plan.spec.data.source!r}"
        only = "It has a test split only, which allows comparing: give models a checkpoint, use methods that need no "
        remedy = only + 'data, and recoveries = ["none"]; or give training images.'
        needs = {n for r in self.recipes for n in r.passes - {"weights"}}
        for wanted, why in (
            (any(not models.has_weights(m) for m in self.plan.spec.models), "a model has no checkpoint"),
            (any(r.name != "none" for r in self.recoveries), "recoveries train"),
            (bool(needs), f"a method needs {', '.join(sorted(needs))}"),
        ):
            if wanted:
                raise SpecError(where, "no training split", f"a training split, since {why}", remedy)

    def _require_excluded(self, layers: Sequence[LayerInfo]) -> None:
        """A pattern that matches nothing is a slip: what was to be spared would be pruned."""
        names = list(dict.fromkeys(name for layer in layers for name in (layer.module, layer.parameter)))
        for i, pattern in enumerate(self.plan.spec.prune.exclude):
            if not any(fnmatchcase(name, pattern) for name in names):
                allowed = f"a pattern of a layer's name: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"
                raise SpecError(f"[prune] exclude[{i}]", pattern, allowed, nearest(pattern, names))


def _speed(net: nn.Module, loaded: ImageData, trains: bool) -> tuple[float, float]:
    """Seconds per image of one training (where there is any) and one evaluation batch, after one to warm up."""
    import torch

    split = loaded.train if loaded.train is not None else loaded.test
    batch = loaded.preprocess(split.images[:64])
    labels = torch.as_tensor(split.labels[:64])
    spare = {k: v.clone() for k, v in net.state_dict().items()}
    net.train()
    seconds = [0.0]
    for _ in range(2 if trains else 0):
        start = time.perf_counter()
        _train_once(net, batch, labels, len(loaded.classes))
        seconds.append((time.perf_counter() - start) / len(labels))
    net.zero_grad(set_to_none=True)
    net.load_state_dict(spare)  # batch-norm statistics moved
    net.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        net(batch)
    return seconds[-1], (time.perf_counter() - start) / len(labels)


def _train_once(net: nn.Module, batch: Tensor, labels: Tensor, classes: int) -> None:
    import torch

    from pruneviz import training

    try:
        logits = net(batch)
        training.require_logits(logits, len(labels), classes)
        torch.autograd.backward(torch.nn.functional.cross_entropy(logits, labels))
    except ModelError:
        raise
    except Exception as e:  # whatever the user's model raises
        raise ModelError(
            f"The model fails in training mode on its first batch, of shape {tuple(batch.shape)}: "
            f"{type(e).__name__}: {e}"
        ) from e
