"""Models that were pruned elsewhere, read and made plain, with what is known of their masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import CheckpointError, ModelError
from pruneviz.core.masks import BoolArray, Mask
from pruneviz.core.spec import ModelSpec
from pruneviz.models.folding import ZEROS

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.models import ModelInfo

HISTORY = "torch-pruning's history"
OURS = "cut by pruneviz"
FED = "inputs of removed channels"
TASK = "Models are compared on one task: the same inputs and classes for all."


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
        net.requires_grad_(True)  # frozen weights are no obstacle where nothing is trained
        return _plain(net, examined(net, example, classes), example, _arrays(kept), forms, ())
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
        raise _smaller(e, net, state, examined(net, example, classes)) from None
    info = examined(net, example, classes)
    return _plain(net, info, example, _arrays(given.folded.kept), given.folded.forms, given.folded.notes)


def architecture(model: ModelSpec, replicate: int, live: Mapping[str, Any]) -> nn.Module:
    """The model's plain architecture, for the weights of :func:`read_given` to be loaded into."""
    from pruneviz import models
    from pruneviz.models.plain import make_plain

    net = models.architecture(model, replicate, live)
    make_plain(net)
    return net.requires_grad_(True)


def examined(net: nn.Module, example: Tensor, classes: int) -> ModelInfo:
    """The model's layers, where it does the data's task.

    Raises:
        ModelError: it does not: other inputs or classes; or it cannot be worked with.
    """
    from pruneviz import models

    try:
        return models.examine(net, example, classes)
    except ModelError as e:
        raise ModelError(f"{e} {TASK}") from e


def _arrays(kept: Mapping[str, Tensor]) -> dict[str, BoolArray]:
    return {name: t.cpu().numpy().astype(np.bool_) for name, t in kept.items()}


def _plain(
    net: nn.Module,
    info: ModelInfo,
    example: Tensor,
    kept: dict[str, BoolArray],
    forms: Mapping[str, str],
    notes: tuple[str, ...],
) -> GivenModel:
    """Masks as they were given, else from zeros; whole channels of zeros with the units that could be cut."""
    from pruneviz.pruning.restoring import zeroed_units

    found = dict(forms)
    parameters = dict(net.named_parameters())
    for layer in info.layers:
        if layer.parameter not in kept:
            kept[layer.parameter] = (parameters[layer.parameter].detach() != 0).cpu().numpy()
            if not kept[layer.parameter].all():
                before = found.get(layer.parameter)
                found[layer.parameter] = f"{before}, {ZEROS}" if before else ZEROS
    mask = zeroed_units(net, info, example, Mask.of({n: k for n, k in kept.items() if n in parameters}))
    for layer in info.layers if mask.units else ():
        if not mask[layer.parameter].all():
            found.setdefault(layer.parameter, FED)
    return GivenModel(net, info, mask, found, notes)


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


def _smaller(error: CheckpointError, net: nn.Module, state: Mapping[str, Tensor], info: ModelInfo) -> CheckpointError:
    """The same error, with what to do where the file's model has just been cut, or has other classes."""
    own = net.state_dict()
    head = f"{info.classifier}.weight" if info.classifier else "weight"
    if head in state and state[head].dim() and len(state[head]) != len(own[head]):
        return CheckpointError(
            f"{error} It gives {len(state[head])} classes, and the data has {len(own[head])}. {TASK}"
        )
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
        "attention kept its heads, shapes do not say. Give it a factory of its own (NAME=package.module:factory@FILE), "
        "or the history that torch-pruning kept (--history NAME=FILE, or under 'pruning' in the checkpoint)."
    )
