"""Modules whose weights are computed by pruning utilities, made plain: what is in memory needs no file to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pruneviz.models.folding import PAIRS, PARAMETRIZED

if TYPE_CHECKING:
    from torch import Tensor, nn


def computed_tensors(net: nn.Module) -> dict[int, Tensor]:
    """Weights that torch.nn.utils.prune computes, by identity, as plain tensors: torch does not copy the others."""
    found = {}
    for module in net.modules():
        for name, value in vars(module).items():
            if f"{name}_orig" in module._parameters:
                found[id(value)] = value.detach().clone()
    return found


def make_plain(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Make computed weights into parameters, in place, and say what masks there were.

    Weights split by torch.nn.utils.prune and those under ``torch.nn.utils.parametrize`` get the value that they have
    now. A parametrization's mask is a boolean or zero-one buffer of the weight's shape.

    Returns:
        Kept entries and the form, by the parameter's name.
    """
    from torch.nn.utils import parametrize, prune

    remove: Callable[[nn.Module, str], nn.Module] = prune.remove
    kept: dict[str, Tensor] = {}
    forms: dict[str, str] = {}
    for path, module in list(net.named_modules()):
        for attribute in [
            n[:-5] for n in module._parameters if n.endswith("_orig") and f"{n[:-5]}_mask" in module._buffers
        ]:
            name = f"{path}.{attribute}" if path else attribute
            kept[name], forms[name] = module._buffers[f"{attribute}_mask"] != 0, PAIRS
            remove(module, attribute)
        if parametrize.is_parametrized(module):
            _unparametrize(module, path, kept, forms)
    return kept, forms


def _unparametrize(module: nn.Module, path: str, kept: dict[str, Tensor], forms: dict[str, str]) -> None:
    from torch.nn.utils import parametrize

    for attribute, steps in list(module.parametrizations.items()):  # type: ignore[operator, union-attr]
        name = f"{path}.{attribute}" if path else attribute
        shape = getattr(module, attribute).shape
        masks = [b for b in steps.buffers() if b.shape == shape and bool(((b == 0) | (b == 1)).all())]
        parametrize.remove_parametrizations(module, attribute, leave_parametrized=True)
        if masks:
            forms[name] = PARAMETRIZED
            kept[name] = masks[0] != 0
            for other in masks[1:]:
                kept[name] = kept[name] & (other != 0)
