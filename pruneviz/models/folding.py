"""State dicts in which pruning left its traces, folded into plain weights and what was removed of them.

Other libraries keep masks beside weights, store only what is kept, or hold weights in eight bits. Each of these forms
is recognised by its names, types and shapes, and turned into one plain tensor; nothing is run for that. What cannot be
told from the tensors alone is refused by name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = "torch.nn.utils.prune"
PARAMETRIZED = "parametrization with a mask"
SPARSE = "sparse tensor"
BITMASK = "bitmask of compressed-tensors"
QUANTISED = "quantised weights"
ZEROS = "zeros"

_PARAMETRIZED = re.compile(r"^(.*?)\.?parametrizations\.(\w+)\.(original\w*|\d+)\.?(.*)$")
_PACKED = ("weight_packed", "qweight", "qzeros")  # several numbers in one: how many, only a configuration knows


@dataclass(frozen=True)
class Folded:
    """Plain tensors, with what is known of their pruning.

    Attributes:
        state: by name, float32 where a form had to be undone.
        kept: masks that the file holds or means, boolean, by the tensor's name.
        forms: in which form each of those tensors came.
        notes: what was done to read them, as sentences.
    """

    state: Mapping[str, Tensor]
    kept: Mapping[str, Tensor] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class _Folding:
    """A state dict on its way to plain tensors: each form takes its tensors out and puts one back."""

    def __init__(self, state: Mapping[str, Tensor], where: str) -> None:
        self.state, self.where = dict(state), where
        self.kept: dict[str, Tensor] = {}
        self.forms: dict[str, str] = {}
        self.notes: list[str] = []

    def put(self, name: str, value: Tensor, form: str, kept: Tensor | None = None) -> None:
        self.state[name] = value
        self.forms[name] = form if name not in self.forms else f"{self.forms[name]}, {form}"
        if kept is not None:
            self.kept[name] = kept

    def refuse(self, name: str, why: str, remedy: str) -> CheckpointError:
        return CheckpointError(f"{self.where}: {name!r} {why}. {remedy}")


def fold(state: Mapping[str, Tensor], where: str) -> Folded:
    """Undo every form that is known.

    Args:
        state: tensors by name, of any layout and type that can be loaded safely.
        where: the file, for messages.

    Raises:
        CheckpointError: a weight is in a form that cannot be read from its tensors alone.
    """
    folding = _Folding(state, where)
    for form in _FORMS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sparse layouts, which torch calls a beta
                form(folding)
        except CheckpointError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError, MemoryError) as e:  # whatever damaged tensors lead to
            first = (str(e) or type(e).__name__).splitlines()[0][:200]
            raise CheckpointError(
                f"{where}: its tensors do not fit together ({first}). Write the file again, or save dense tensors."
            ) from e
    return Folded(folding.state, folding.kept, folding.forms, tuple(folding.notes))


def merge_pairs(state: Mapping[str, Tensor], where: str) -> Folded:
    """Undo the pairs of torch.nn.utils.prune alone, which stand for plain weights without loss.

    Raises:
        CheckpointError: a mask does not fit its weight.
    """
    folding = _Folding(state, where)
    _pairs(folding)
    return Folded(folding.state, folding.kept, folding.forms)


def _pairs(f: _Folding) -> None:
    """``NAME_orig`` and ``NAME_mask`` of torch.nn.utils.prune."""
    for name in [k[:-5] for k in f.state if k.endswith("_orig") and f"{k[:-5]}_mask" in f.state]:
        value, mask = f.state.pop(f"{name}_orig"), f.state.pop(f"{name}_mask")
        kept = _boolean(f, f"{name}_mask", mask, value)
        f.put(name, value * mask, PAIRS, kept)


def _parametrizations(f: _Folding) -> None:
    """``M.parametrizations.NAME.original`` with one mask of its shape beside it."""
    found: dict[str, dict[str, str]] = {}
    for key in f.state:
        if hit := _PARAMETRIZED.match(key):
            module, attribute, part, rest = hit.groups()
            name = f"{module}.{attribute}" if module else attribute
            found.setdefault(name, {})[f"{part}.{rest}" if rest else part] = key
    for name, keys in found.items():
        original = f.state.get(keys.get("original", ""))
        others = [f.state[key] for part, key in keys.items() if part != "original"]
        if original is None or len(others) != 1 or others[0].shape != original.shape:
            what, attribute = ", ".join(sorted(keys)), name.rpartition(".")[2]
            why = f"is computed by a parametrization ({what}), whose code a file does not hold"
            remedy = f"Before saving: torch.nn.utils.parametrize.remove_parametrizations(module, {attribute!r})."
            raise f.refuse(name, f"{why}; allowed: an original and one mask of its shape", remedy)
        kept = _boolean(f, f"{name}: mask", others[0], original)
        for key in keys.values():
            del f.state[key]
        f.put(name, original * kept, PARAMETRIZED, kept)


def _bitmasks(f: _Folding) -> None:
    """``NAME.compressed``, ``NAME.bitmask`` and ``NAME.shape``: what is kept, and a bit for each entry."""
    import numpy as np
    import torch

    for base in [k.removesuffix(".bitmask") for k in f.state if k.endswith(".bitmask")]:
        name = base if base.rpartition(".")[2] in ("weight", "bias") else f"{base}.weight"
        shape, values = f.state.get(f"{base}.shape"), f.state.get(f"{base}.compressed")
        if shape is None or values is None:
            raise f.refuse(f"{base}.bitmask", "stands without its compressed values and shape", "Save dense tensors.")
        size = [int(n) for n in shape.reshape(-1).tolist()]
        if not size or min(size) < 1:
            raise f.refuse(f"{base}.shape", f"is {size}", "Write the file again, or save dense tensors.")
        packed = f.state[f"{base}.bitmask"].to(torch.uint8).numpy().reshape(size[0], -1)
        rows = np.unpackbits(packed, axis=1, bitorder="little")
        count = int(np.prod(size[1:], dtype=np.int64))
        if rows.shape[1] < count or int(rows[:, :count].sum()) != values.numel():
            why = f"does not fit: a mask for shape {size} that keeps {values.numel()} values is not what it holds"
            raise f.refuse(f"{base}.bitmask", why, "Write the file again, or save dense tensors.")
        kept = torch.from_numpy(rows[:, :count].astype(np.bool_)).reshape(size)
        whole = torch.zeros(size, dtype=values.dtype)
        whole[kept] = values.reshape(-1)
        for part in ("bitmask", "shape", "compressed", "row_offsets"):
            f.state.pop(f"{base}.{part}", None)
        f.put(name, whole, BITMASK, kept)


def _layouts(f: _Folding) -> None:
    """Sparse COO, CSR and the like: what is stored is kept."""
    import torch

    for name, tensor in list(f.state.items()):
        if tensor.layout == torch.strided:
            continue
        values = tensor._values() if tensor.layout == torch.sparse_coo else tensor.values()
        # Built anew with its indices checked: torch reads whatever lies there for indices beyond the shape.
        if tensor.layout == torch.sparse_coo:
            checked: Any = torch.sparse_coo_tensor(tensor._indices(), values, tensor.shape, check_invariants=True)
        else:
            rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
            first, second = ("crow", "col") if rows else ("ccol", "row")
            along, across = getattr(tensor, f"{first}_indices")(), getattr(tensor, f"{second}_indices")()
            compressed: Any = torch.sparse_compressed_tensor(
                along, across, values, size=tensor.shape, layout=tensor.layout, check_invariants=True
            )
            checked = compressed.to_sparse_coo()
        stored = checked.coalesce()
        kept = torch.zeros(stored.shape, dtype=torch.bool)
        kept[tuple(stored.indices())] = True
        f.put(name, stored.to_dense(), SPARSE, kept)


def _quantised(f: _Folding) -> None:
    """Quantised tensors of torch, and int8 weights with a scale: as the float32 that they stand for."""
    import torch

    refuse_packed(f.state, f.where)
    undone = []
    for name, tensor in list(f.state.items()):
        if tensor.is_quantized:
            f.put(name, tensor.dequantize(), QUANTISED)
            undone.append(name)
        elif tensor.dtype == torch.int8 and f"{name}_scale" in f.state:
            zero = f.state.pop(f"{name}_zero_point", None)
            scale = _beside(f, name, tensor, f.state.pop(f"{name}_scale"))
            moved = tensor.float() if zero is None else tensor.float() - _beside(f, name, tensor, zero)
            f.state.pop(f"{name}_g_idx", None)
            f.put(name, moved * scale, QUANTISED)
            undone.append(name)
    if undone:
        f.notes.append(
            f"{len(undone)} quantised tensors were turned into the float32 that they stand for: the values are those "
            "of the quantised model, entries that round to zero count as removed, and it computes in float32"
        )


def refuse_packed(names: Iterable[str], where: str) -> None:
    """Complain about quantised weights that their tensors alone do not tell.

    Raises:
        CheckpointError: there are such.
    """
    for name in names:
        if "_packed_params" in name or name.rpartition(".")[2].startswith(_PACKED):
            raise CheckpointError(
                f"{where}: {name!r} holds quantised weights packed several to a number, or with the settings of the "
                "activations: what they stand for, only the library that wrote them knows. Dequantise them there, and "
                "save the state dict of the float model."
            )


def _beside(f: _Folding, name: str, tensor: Tensor, scale: Tensor) -> Tensor:
    """A scale or zero point of the whole tensor, of its rows, or of groups along a row, one for each entry."""
    scale, rows = scale.float(), tensor.shape[0]
    if scale.numel() == 1:
        return scale.reshape(())
    if scale.numel() == rows:
        return scale.reshape(rows, *[1] * (tensor.dim() - 1))
    if tensor.dim() == 2 and scale.dim() == 2 and len(scale) == rows and tensor.shape[1] % scale.shape[1] == 0:
        return scale.repeat_interleave(tensor.shape[1] // scale.shape[1], dim=1)
    why = f"of shape {tuple(tensor.shape)} has a scale of shape {tuple(scale.shape)}"
    raise f.refuse(
        name, f"{why}; allowed: one number, one a row, or one for each group of a row", "Save float tensors."
    )


def _boolean(f: _Folding, name: str, mask: Any, value: Tensor) -> Tensor:
    if mask.shape != value.shape or not ((mask == 0) | (mask == 1)).all():
        shapes = f"of shape {tuple(mask.shape)} for a tensor of shape {tuple(value.shape)}"
        raise f.refuse(
            name,
            f"is no mask: {shapes}; allowed: the same shape, of zeros and ones",
            "Save the weights with the mask applied.",
        )
    found: Tensor = mask != 0
    return found


_FORMS: tuple[Callable[[_Folding], None], ...] = (_layouts, _pairs, _parametrizations, _bitmasks, _quantised)
