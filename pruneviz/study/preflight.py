"""Everything that can be refused is refused before any training starts; what it will take is estimated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.analysis import Analysis, Subject
from pruneviz.core.errors import ModelError, SpecError
from pruneviz.study.plan import Plan, resolved
from pruneviz.study.steps import Step

if TYPE_CHECKING:
    from torch import nn

    from pruneviz.data import ImageData

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
        return SMALL_STEP + timed + trained * self.train_s[model.label] + evaluated * self.predict_s[model.label]

    def _images(self, step: Step) -> tuple[float, float]:
        """How many images a step trains on, and how many it only evaluates."""
        if step.kind == "dense" and step.context["train"] is not None:
            return float(step.context["train"].epochs * self.train_images), 0.0
        if step.kind == "train":
            return float(step.context["recovery"].epochs_of(step.context["base"]) * self.train_images), 0.0
        if step.kind == "statistics":
            return float(step.params["samples"]), 0.0
        return 0.0, float(self.eval_images) if step.kind == "measure" else 0.0

    def size(self, step: Step) -> int:
        """How many bytes a step's artifact takes, roughly."""
        model = step.context.get("model")
        weights = self.bytes.get(model.label, 0) if model is not None else 0
        if step.kind in ("dense", "statistics", "train"):
            kept = len(step.context["train"].keep_steps) if step.kind == "dense" and step.context["train"] else 0
            return weights * (1 + kept) + 4096
        if step.kind == "prune":
            return weights // 32 + 4096
        return 40 * self.eval_images + 8192 if step.kind == "measure" else 8192


def preflight(plan: Plan, live: Mapping[str, Any], analyses: Sequence[Analysis] = ()) -> Costs:
    """Load the data, build every model, and check that each method and recovery can be carried out on it.

    Raises:
        PrunevizError: whatever cannot be done, with the remedy.
    """
    import torch

    from pruneviz import data, models, pruning, training

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        loaded = data.load(plan.spec.data, live)
        recipes, recoveries = resolved(plan.spec, live)
        if loaded.train is not None and any(not models.has_weights(m) for m in plan.spec.models):
            for train in plan.spec.trains:
                training.check_training(train, len(loaded.train.labels))
        _needs_training_split(plan, loaded, recipes, recoveries)
        for analysis in analyses:
            analysis.check(Subject(plan.spec, loaded.classes, len(loaded.test.labels)))
        example = loaded.preprocess(loaded.test.images[:1])
        train_s, predict_s, sizes = {}, {}, {}
        for model in plan.spec.models:
            for replicate in range(model.first, model.first + model.replicates):
                if models.has_weights(model):
                    net = models.build(model, replicate, live)
                else:
                    net = models.build_fresh(model, replicate, live)
                info = models.examine(net, example, len(loaded.classes))
            for recipe in recipes:
                pruning.check(net, info, recipe, plan.spec.prune.sparsities, plan.spec.prune.exclude, example)
            _check_recoveries(plan, model, recoveries, models.has_batch_norm(net))
            train_s[model.label], predict_s[model.label] = _speed(net, loaded)
            sizes[model.label] = sum(t.numel() * t.element_size() for t in net.state_dict().values())
        count = len(loaded.train.labels) if loaded.train is not None else 0
        held = len(loaded.val.labels) if loaded.val is not None else 0
        return Costs(train_s, predict_s, sizes, count, held + len(loaded.test.labels))
    finally:
        torch.set_num_threads(threads)


def _needs_training_split(plan: Plan, loaded: ImageData, recipes: Any, recoveries: Any) -> None:
    from pruneviz import models

    if loaded.train is not None:
        return
    where = f"[data] source {plan.spec.data.source!r}"
    only = "It has a test split only, which allows comparing: give models a checkpoint, use methods that need no data, "
    remedy = only + 'and recoveries = ["none"]; or give training images.'
    if any(not models.has_weights(m) for m in plan.spec.models):
        raise SpecError(where, "no training split", "a training split, since a model has no checkpoint", remedy)
    if any(r.name != "none" for r in recoveries):
        raise SpecError(where, "no training split", "a training split, since recoveries train", remedy)
    needs = {n for r in recipes for n in r.needs - {"weights"}}
    if needs:
        raise SpecError(where, "no training split", f"a training split, since a method needs {sorted(needs)}", remedy)


def _check_recoveries(plan: Plan, model: Any, recoveries: Any, batch_norm: bool) -> None:
    from pruneviz import models, training

    trained_here = not models.has_weights(model)
    for train in plan.spec.trains:
        for recovery in recoveries:
            kept = train.keep_steps if trained_here else models.kept_steps(model, model.first)
            training.check(recovery, train, trained_here=trained_here, kept_steps=kept, batch_norm=batch_norm)


def _speed(net: nn.Module, loaded: ImageData) -> tuple[float, float]:
    """Seconds per image of one training and one evaluation batch, after one to warm up."""
    import torch

    split = loaded.train if loaded.train is not None else loaded.test
    batch = loaded.preprocess(split.images[:64])
    labels = torch.as_tensor(split.labels[:64])
    spare = {k: v.clone() for k, v in net.state_dict().items()}
    net.train()
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        try:
            torch.autograd.backward(torch.nn.functional.cross_entropy(net(batch), labels))
        except Exception as e:  # whatever the user's model raises
            raise ModelError(
                f"The model fails in training mode on its first batch, of shape {tuple(batch.shape)}: "
                f"{type(e).__name__}: {e}"
            ) from e
        seconds.append((time.perf_counter() - start) / len(labels))
    net.zero_grad(set_to_none=True)
    net.load_state_dict(spare)  # batch-norm statistics moved
    net.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        net(batch)
    return seconds[-1], (time.perf_counter() - start) / len(labels)
