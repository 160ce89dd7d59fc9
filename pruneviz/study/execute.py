"""What each kind of step does: read its inputs from the store, compute, write an artifact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError
from pruneviz.core.masks import Mask
from pruneviz.core.tables import HISTORY
from pruneviz.study import inputs
from pruneviz.study.environment import environment
from pruneviz.study.steps import Step, part
from pruneviz.study.store import Artifact, Store
from pruneviz.study.tensors import load_mask, load_tensors, save_mask, save_table, save_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.data import ImageData
    from pruneviz.models import ModelInfo

Progress = Callable[[int, int], None]

WEIGHTS = "weights.safetensors"
MASK = "mask.safetensors"


@dataclass(frozen=True)
class Bench:
    """Where steps are carried out.

    Attributes:
        store: where inputs are read and results are put.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        live: objects given in Python, by name.
        progress: told how far a long step is; may raise :class:`~pruneviz.core.errors.Cancelled`.
    """

    store: Store
    device: str = "cpu"
    live: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None


def execute(step: Step, bench: Bench) -> Artifact:
    """Carry out one step with one torch thread and put its artifact into the store."""
    import torch

    work = _WORK[step.kind]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return bench.store.put(
            step.key,
            step.kind,
            lambda folder: work(step, bench, folder),
            described=step.described,
            environment=environment(bench.device),
        )
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Loaded:
    """A model at one state, on the bench's device, in eval mode.

    Attributes:
        given: what :func:`pruneviz.study.found.give` found of a model that was pruned elsewhere; empty for others.
    """

    net: nn.Module
    mask: Mask | None
    info: ModelInfo
    data: ImageData
    example: Tensor
    given: Mapping[str, Any] = field(default_factory=dict)


def data_of(step: Step, bench: Bench) -> ImageData:
    """The study's images."""
    return inputs.images(step.context["data"], step.context["data_digest"], bench.live)


def load_state(step: Step, bench: Bench) -> Loaded:
    """Build the step's model and give it the weights and mask that its inputs name."""
    from pruneviz import models
    from pruneviz.pruning import apply
    from pruneviz.study import given

    data, dense = data_of(step, bench), step.inputs["dense"]
    inputs.require_same_model(step.context, dense, bench.live)
    found = bench.store.need(dense).meta.get("given", {})
    make = given.architecture if found else models.architecture
    net = make(step.context["model"], step.context["replicate"], bench.live)
    net.load_state_dict(load_tensors(bench.store.need(step.inputs["weights"]).path(WEIGHTS)))
    example = data.preprocess(data.test.images[:1])
    info = inputs.examined(net, example, len(data.classes), dense, step.context["data_digest"])
    mask = None
    if "mask" in step.inputs:
        mask = load_mask(bench.store.need(step.inputs["mask"]).path(MASK))
        apply(net, mask)
        if found and not mask.removed_count:  # of a model whose mask was looked for and not found
            mask = None
    return Loaded(net.to(bench.device).eval(), mask, info, data, example.to(bench.device), found)


def _pictures(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    import numpy as np

    from pruneviz import data

    loaded = data_of(step, bench)
    np.savez_compressed(
        folder / "pictures.npz",
        images=data.pictures(loaded),
        ids=np.asarray(loaded.test.ids, dtype=np.str_),
        labels=loaded.test.labels,
    )
    counts = {
        part: (len(split.labels) if split is not None else 0)
        for part, split in (("train", loaded.train), ("val", loaded.val), ("test", loaded.test))
    }
    return {
        "classes": list(loaded.classes),
        "name": loaded.name,
        "counts": counts,
        "size": [loaded.height, loaded.width, loaded.channels],
        "mean": list(loaded.mean),
        "std": list(loaded.std),
    }


def _dense(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz import models, training

    spec, replicate, settings = step.context["model"], step.context["replicate"], step.context["train"]
    inputs.require_same_model(step.context, step.key, bench.live)
    if settings is None:
        net = models.build(spec, replicate, bench.live)
        save_tensors(folder / WEIGHTS, net.state_dict())
        for at in models.kept_steps(spec, replicate):
            save_tensors(folder / f"kept-{at}.safetensors", models.kept_weights(spec, replicate, at))
        return {"steps": models.known_steps(spec)}
    data = data_of(step, bench)
    net = models.build_fresh(spec, replicate, bench.live)
    models.examine(net, data.preprocess(data.test.images[:1]), len(data.classes))
    net.to(bench.device)
    result = training.train(net, data, settings, seed=replicate, device=bench.device, progress=bench.progress)
    save_tensors(folder / WEIGHTS, net.state_dict())
    for at, kept in result.kept.items():
        save_tensors(folder / f"kept-{at}.safetensors", kept)
    return _trained(result, folder)


def _trained(result: Any, folder: Path) -> dict[str, Any]:
    if result.history:
        save_table(folder / "history.parquet", HISTORY, HISTORY.frame(result.history))
    return {"steps": result.steps}


def _start(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    save_tensors(folder / WEIGHTS, _kept(step, bench, step.params["step"]))
    return {"steps": step.params["step"]}


def _kept(step: Step, bench: Bench, at: int) -> dict[str, Tensor]:
    """The dense model's weights at a step of its training."""
    return load_tensors(bench.store.need(step.inputs["dense"]).path(f"kept-{at}.safetensors"))


def _given(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz.study.found import give

    return give(step, bench, folder)


def _statistics(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz import pruning
    from pruneviz.pruning.needs import step_of

    if (earlier := step_of(step.params["need"])) is not None:
        save_tensors(folder / "statistics.safetensors", _kept(step, bench, earlier))
        return {}
    at, p = load_state(step, bench), step.params
    found = pruning.gather(
        p["need"], at.net, at.data, samples=p["samples"], seed=p["seed"], device=bench.device, mask=at.mask
    )
    save_tensors(folder / "statistics.safetensors", found)
    return {}


def _prune(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz import pruning

    at = load_state(step, bench)
    statistics = {
        role.partition(":")[2]: load_tensors(bench.store.need(key).path("statistics.safetensors"))
        for role, key in step.inputs.items()
        if role.startswith("statistics:")
    }
    selected = pruning.select(
        at.net,
        at.info,
        step.context["recipe"],
        step.context["target"],
        mask=at.mask,
        statistics=statistics,
        seed=step.params.get("seed", 0),
        exclude=step.context["exclude"],
        example=at.example,
        like=load_mask(bench.store.need(step.inputs["like"]).path(MASK)) if "like" in step.inputs else None,
    )
    save_mask(folder / MASK, selected.mask)
    if step.context["recipe"].update.changes:  # then the state's weights are this artifact's, changed or not
        pruning.commit(at.net, selected)
        save_tensors(folder / WEIGHTS, at.net.state_dict())
    return {"sparsity_achieved": selected.achieved, "warnings": list(selected.warnings), "steps": 0}


def _train(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz import pruning, training

    at = load_state(step, bench)
    recovery, base, recipe = step.context["recovery"], step.context["base"], step.context["recipe"]
    if isinstance(getattr(recovery, "function", None), str) and part(recovery) != step.params["recovery"]:
        raise ModelError(f"recovery {recovery.name}: its function has changed since the study was planned.")
    dense = bench.store.need(step.inputs["dense"])
    rewind = {
        n: load_tensors(dense.path(f"kept-{n}.safetensors"))
        for n in recovery.needs_steps
        if f"kept-{n}.safetensors" in dense.files
    }
    mask, hooks, during = at.mask, [], None
    if recipe is not None:
        context = step.context
        ground = pruning.Ground(at.info, context["exclude"], step.params["seed"], context["samples"])
        during = pruning.training_hook(recipe, context["target"], ground)
        mask, hooks = pruning.full_mask(at.info), [during]
    cost = pruning.costs(at.info, mask) if mask is not None else None
    result = training.recover(
        recovery,
        at.net,
        mask,
        at.data,
        base,
        seed=step.params.get("seed", 0),
        device=bench.device,
        rewind_state=rewind,
        kept_macs=(cost.macs / at.info.macs) if cost is not None else 1.0,
        fresh=lambda seed: _fresh(step, bench, seed),
        dense=_dense_model(step, bench, at.net) if recovery.needs_dense else None,
        hooks=hooks,
        progress=bench.progress,
    )
    save_tensors(folder / WEIGHTS, at.net.state_dict())
    meta = _trained(result, folder)
    if during is not None:
        save_mask(folder / MASK, during.mask)
        meta |= {"sparsity_achieved": during.achieved, "warnings": list(during.warnings)}
    return meta


def _dense_model(step: Step, bench: Bench, like: nn.Module) -> nn.Module:
    import copy

    net = copy.deepcopy(like)
    net.load_state_dict(load_tensors(bench.store.need(step.inputs["dense"]).path(WEIGHTS)))
    return net


def _fresh(step: Step, bench: Bench, seed: int) -> nn.Module:
    from pruneviz import models

    return models.build_fresh(step.context["model"], seed, bench.live)


def _measure(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz.study.accounting import measure

    at = load_state(step, bench)
    row = measure(at, step.params["batch_size"], bench.device, folder)
    if not at.given and "mask" not in step.inputs and step.inputs["weights"] == step.inputs["dense"]:
        row["warnings"] = [*row["warnings"], *inputs.seen_in_training(step.context, at.data)]
    return row


def _latency(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz.study.accounting import latency

    return latency(load_state(step, bench), step.params["batch"], step.params["seconds"], bench.device, folder)


def _observe(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from pruneviz.study.observe import observe

    return observe(step, bench, folder)


def _no_work(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    raise ModelError(f"a step of kind {step.kind!r} is not carried out by an executor")


_WORK: dict[str, Callable[[Step, Bench, Path], Mapping[str, Any]]] = {
    "pictures": _pictures,
    "dense": _dense,
    "given": _given,
    "start": _start,
    "statistics": _statistics,
    "prune": _prune,
    "train": _train,
    "measure": _measure,
    "latency": _latency,
    "observe": _observe,
    "analysis": _no_work,
}
