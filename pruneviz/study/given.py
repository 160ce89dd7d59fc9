"""Models that were pruned elsewhere: read, made plain, and what was found removed, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import CheckpointError, ModelError
from pruneviz.core.keys import file_digest
from pruneviz.core.masks import BoolArray, Mask
from pruneviz.core.spec import ModelSpec
from pruneviz.core.tables import GIVEN
from pruneviz.models.folding import ZEROS
from pruneviz.study.patterns import pattern_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.models import ModelInfo
    from pruneviz.study.execute import Bench
    from pruneviz.study.steps import Step

SAME, CUT, OTHER = "same", "cut", "other"
SMALLER = "smaller shape"
HISTORY = "torch-pruning's history"
OURS = "cut by pruneviz"


@dataclass(frozen=True, eq=False)
class GivenModel:
    """A model as it was given, made plain.

    Attributes:
        net: on the CPU in evaluation mode, with zeros where something was removed.
        info: its layers.
        mask: what is kept, over every prunable weight and whatever else a mask was given for.
        forms: how the removed weights of each layer were found, by parameter.
        notes: what was done to read it, as sentences.
    """

    net: nn.Module
    info: ModelInfo
    mask: Mask
    forms: Mapping[str, str]
    notes: tuple[str, ...]


def read_given(model: ModelSpec, replicate: int, live: Mapping[str, Any], example: Tensor, classes: int) -> GivenModel:
    """Read a model, whatever pruned it.

    Args:
        model: where it comes from.
        replicate: which of several.
        live: modules given in Python, by name.
        example: float32 (1, C, H, W), preprocessed, on the CPU.
        classes: of the data.

    Raises:
        ModelError: it cannot be made or read, or does not do the data's task; the text says why.
    """
    from pruneviz import models
    from pruneviz.models import checkpoint
    from pruneviz.models.plain import make_plain
    from pruneviz.models.sources import checkpoint_file

    if model.checkpoint is None:
        net = models.build(model, replicate, live)
        kept, forms = make_plain(net)
        return _plain(net, examined(net, example, classes), _arrays(kept), forms, ())
    net = architecture(model, replicate, live)
    path = checkpoint_file(model, replicate)
    given = checkpoint.read_given(path)
    state, head = given.folded.state, checkpoint.metadata(path)
    units = _units(head, path)
    history = checkpoint.read_history(history_file(model, replicate)) if model.history is not None else given.history
    if history is not None or units:
        return _restored(net, example, classes, units, history, state, path)
    try:
        checkpoint.load_into(net, state, path)
    except CheckpointError as e:
        raise _smaller(e, net, state) from None
    info = examined(net, example, classes)
    return _plain(net, info, _arrays(given.folded.kept), given.folded.forms, given.folded.notes)


def architecture(model: ModelSpec, replicate: int, live: Mapping[str, Any]) -> nn.Module:
    """The model's plain architecture, for the weights of :func:`read_given` to be loaded into."""
    from pruneviz import models
    from pruneviz.models.plain import make_plain

    net = models.architecture(model, replicate, live)
    make_plain(net)
    return net


def examined(net: nn.Module, example: Tensor, classes: int) -> ModelInfo:
    """The model's layers, where it does the data's task.

    Raises:
        ModelError: it does not: other inputs or classes; or it cannot be worked with.
    """
    from pruneviz import models

    try:
        return models.examine(net, example, classes)
    except ModelError as e:
        raise ModelError(f"{e} Models are compared on one task: the same inputs and classes for all.") from e


def _arrays(kept: Mapping[str, Tensor]) -> dict[str, BoolArray]:
    return {name: t.cpu().numpy().astype(np.bool_) for name, t in kept.items()}


def _plain(
    net: nn.Module, info: ModelInfo, kept: dict[str, BoolArray], forms: Mapping[str, str], notes: tuple[str, ...]
) -> GivenModel:
    """Masks as they were given, else from zeros."""
    found = dict(forms)
    parameters = dict(net.named_parameters())
    for layer in info.layers:
        if layer.parameter not in kept:
            kept[layer.parameter] = (parameters[layer.parameter].detach() != 0).cpu().numpy()
            if not kept[layer.parameter].all():
                before = found.get(layer.parameter)
                found[layer.parameter] = f"{before}, {ZEROS}" if before else ZEROS
    return GivenModel(net, info, Mask.of({n: k for n, k in kept.items() if n in parameters}), found, notes)


def _restored(
    net: nn.Module,
    example: Tensor,
    classes: int,
    units: Mapping[str, BoolArray],
    history: Any,
    state: Mapping[str, Tensor],
    path: str,
) -> GivenModel:
    """A cut model in the shapes that it was cut from."""
    from pruneviz.pruning.restoring import restore_history, restore_units

    info = examined(net, example, classes)
    if units:
        restored, form = restore_units(net, info, example, units, state, path), OURS
    else:
        restored, form = restore_history(net, info, example, history, state, path), HISTORY
    forms = {x.parameter: form for x in info.layers if not restored.mask[x.parameter].all()}
    note = "it was cut: it is shown in the shapes of the model that it was cut from, with what went as zeros"
    return GivenModel(restored.net, examined(restored.net, example, classes), restored.mask, forms, (note,))


def _units(head: Mapping[str, str], path: str) -> dict[str, BoolArray]:
    """The channels that a file written by ``pruneviz prune`` says were kept."""
    from pruneviz.study.saved import HEAD, units_of

    return units_of(head[HEAD], path) if HEAD in head else {}


def history_file(model: ModelSpec, replicate: int) -> str:
    """The path of a replicate's pruning history."""
    return str(model.history).replace("{replicate}", str(replicate))


def _smaller(error: CheckpointError, net: nn.Module, state: Mapping[str, Tensor]) -> CheckpointError:
    """The same error, with what to do where the file's model has just been cut."""
    own = net.state_dict()
    same = {k for k in own if not k.endswith("num_batches_tracked")} <= set(state) <= set(own)
    fits = [
        state[k].dim() == t.dim() and all(a <= b for a, b in zip(state[k].shape, t.shape, strict=True))
        for k, t in own.items()
        if k in state
    ]
    if not (same and all(fits)):
        return error
    return CheckpointError(
        f"{error} It has the same tensors in smaller shapes, so it was cut; which channels stayed, and whether "
        "attention kept its heads, shapes do not say. Give it a factory of its own (cut=package.module:factory@FILE), "
        "or the history that torch-pruning kept (--history cut=FILE, or under 'pruning' in the checkpoint)."
    )


def relation(own: ModelInfo, reference: Mapping[str, Any]) -> str:
    """How an architecture stands to the reference's: the ``same``, ``cut`` from it, or an ``other``.

    Args:
        own: the model's layers.
        reference: what :func:`described` gave of the reference.
    """
    shapes = {x.parameter: list(x.shape) for x in own.layers}
    theirs = {name: of["shape"] for name, of in reference["layers"].items()}
    if shapes == theirs:
        return SAME
    if shapes.keys() != theirs.keys() or any(len(shapes[n]) != len(s) for n, s in theirs.items()):
        return OTHER
    smaller = all(a <= b for n, s in theirs.items() for a, b in zip(shapes[n], s, strict=True))
    return CUT if smaller else OTHER


def described(info: ModelInfo) -> dict[str, Any]:
    """What of a reference others are held against, as plain data."""
    layers = {x.parameter: {"shape": list(x.shape), "positions": x.positions} for x in info.layers}
    return {"parameters": info.parameters, "macs": info.macs, "layers": layers, "classifier": info.classifier}


def give(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    """Carry out the step that reads one given model: its weights, its mask, and the table of what was found."""
    from pruneviz.study import inputs
    from pruneviz.study.execute import MASK, WEIGHTS, data_of
    from pruneviz.study.tensors import save_mask, save_table, save_tensors

    data, context = data_of(step, bench), step.context
    inputs.require_same_model(context, step.key, bench.live)
    example = data.preprocess(data.test.images[:1])
    model, replicate = context["model"], context["replicate"]
    if model.history is not None and file_digest(history_file(model, replicate)) != step.params["history"]:
        raise ModelError(f"{history_file(model, replicate)}: has changed since the study was planned. {inputs.AGAIN}")
    found = read_given(model, replicate, bench.live, example, len(data.classes))
    save_tensors(folder / WEIGHTS, found.net.state_dict())
    save_mask(folder / MASK, found.mask)
    of = described(found.info)
    reference = bench.store.need(step.inputs["reference"]).meta["given"]["own"] if "reference" in step.inputs else of
    related = relation(found.info, reference)
    rows = found_rows(found, reference if related != OTHER else None)
    save_table(folder / f"{GIVEN.name}.parquet", GIVEN, GIVEN.frame(rows))
    given = {
        "own": of,
        "relation": related,
        "unit": _unit(found, related, rows),
        "reference": reference if related == CUT else None,
    }
    warnings = list(found.notes)
    removed = sum(r["removed"] for r in rows)
    if "reference" not in step.inputs and removed:
        share = removed / sum(r["entries"] for r in rows)
        warnings.append(
            f"the reference has {share:.3g} of its prunable weights removed already: 'dense' in tables and sentences "
            "means this model"
        )
    return {
        "given": given,
        "warnings": warnings,
        "sparsity_achieved": _achieved(found, reference, related),
        "steps": None,
    }


def found_rows(found: GivenModel, reference: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The table :data:`pruneviz.core.tables.GIVEN` of one model, without its run id.

    Args:
        found: the model.
        reference: what the same layers are in the reference; None where it is another architecture.
    """
    rows = []
    for i, layer in enumerate(found.info.layers):
        kept = found.mask[layer.parameter]
        whole = reference["layers"][layer.parameter]["shape"] if reference is not None else list(layer.shape)
        entries = int(np.prod(whole, dtype=np.int64))
        form = found.forms.get(layer.parameter, "")
        if whole != list(layer.shape):
            form = f"{SMALLER}, {form}" if form else SMALLER
        rows.append(
            {
                "run_id": "",
                "layer": layer.parameter,
                "index": i,
                "found": form or "nothing removed",
                "pattern": "channels" if (found.mask.units and not kept.all()) or form == SMALLER else pattern_of(kept),
                "shape": _times(layer.shape),
                "reference_shape": _times(whole) if reference is not None else None,
                "entries": entries,
                "removed": entries - int(np.count_nonzero(kept)),
            }
        )
    return rows


def _times(shape: Any) -> str:
    return "×".join(str(n) for n in shape)


def _unit(found: GivenModel, related: str, rows: list[dict[str, Any]]) -> str | None:
    """What was removed, as far as one word says it."""
    if found.mask.units or related == CUT:
        return "channel"
    patterns = {r["pattern"] for r in rows if r["removed"]}
    if not patterns:
        return None
    return "nm" if all(":" in p for p in patterns) else "weight"


def _achieved(found: GivenModel, reference: Mapping[str, Any], related: str) -> float:
    """The removed fraction: of channels where it was cut (the classifier's outputs left out), else of weights."""
    if found.mask.units:
        kept = [int(k.sum()) for k in found.mask.units.values()]
        return 1 - sum(kept) / sum(int(k.size) for k in found.mask.units.values())
    if related == CUT:
        head = reference["classifier"]
        counted = [x for x in found.info.layers if x.module != head]
        channels: int = sum(reference["layers"][x.parameter]["shape"][0] for x in counted)
        return 1 - sum(x.shape[0] for x in counted) / channels
    layers = [found.mask[x.parameter] for x in found.info.layers]
    kept_entries, entries = sum(int(np.count_nonzero(k)) for k in layers), sum(int(k.size) for k in layers)
    return 1 - kept_entries / entries
