"""Checkpoint files: safetensors, or a torch state dict read without running any code of it."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import CheckpointError
from pruneviz.core.keys import bytes_digest
from pruneviz.models.folding import Folded, fold, merge_pairs, refuse_packed

if TYPE_CHECKING:
    from torch import Tensor, nn

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
HISTORIES = ("pruning", "pruning_history")  # where torch-pruning's users put the history beside the state dict
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
SAVE = (
    "Save the weights with safetensors.torch.save_file(net.state_dict(), path) or torch.save(net.state_dict(), path)."
)


def require_file(path: str | os.PathLike[str]) -> None:
    """Complain about a checkpoint that is absent or empty.

    Raises:
        CheckpointError: so it is.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint file.")
    if Path(path).stat().st_size == 0:
        raise CheckpointError(f"{path}: is empty. Was it only half written? {SAVE}")


def read(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a checkpoint's tensors onto the CPU, by name.

    A dictionary under ``state_dict``, ``model_state_dict``, ``model`` or ``net`` is unwrapped; a prefix ``module.``
    or ``_orig_mod.`` common to all names is taken off; pairs ``*_orig``, ``*_mask`` of ``torch.nn.utils.prune`` are
    multiplied.

    Raises:
        CheckpointError: the file is absent, empty, truncated, needs code to be run, or holds NaN or infinities.
    """
    tensors, _ = _tensors(path)
    state = merge_pairs(tensors, str(path)).state
    _require_plain(state, path)
    return dict(state)


@dataclass(frozen=True)
class Given:
    """What a checkpoint of a model that was pruned elsewhere holds.

    Attributes:
        folded: plain tensors, and what is known of their masks.
        history: what torch-pruning did, where the file says so: ``[module, whether outputs, channels]`` in order.
    """

    folded: Folded
    history: Any = None


def read_given(path: str | os.PathLike[str]) -> Given:
    """Read a checkpoint of a model pruned elsewhere; see :func:`pruneviz.models.folding.fold` for the forms.

    Raises:
        CheckpointError: as for :func:`read`, or a form that cannot be read.
    """
    tensors, history = _tensors(path)
    folded = fold(tensors, str(path))
    _require_plain(folded.state, path)
    return Given(folded, history)


def read_history(path: str | os.PathLike[str]) -> Any:
    """Read what torch-pruning's ``pruning_history()`` gave, from JSON or a torch file; what it says is not checked.

    Raises:
        CheckpointError: the file is absent, or is neither.
    """
    require_file(path)
    if Path(path).suffix.lower() != ".json":
        return _torch(path)
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as e:
        raise CheckpointError(f"{path}: is not valid JSON ({e}).") from None


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts in a safetensors file's head; none of other files, or of one that cannot be read."""
    from safetensors import SafetensorError, safe_open

    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        return {}
    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def _tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], Any]:
    """A file's tensors by name, and the pruning history beside them where there is one."""
    from torch import Tensor

    require_file(path)
    whole = _safetensors(path) if Path(path).suffix == ".safetensors" else _torch(path)
    history = next((whole[k] for k in HISTORIES if k in whole), None) if isinstance(whole, Mapping) else None
    content = _unwrap(whole)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds {type(content).__name__}, allowed: a state dict of tensors. {SAVE}")
    refuse_packed(map(str, content), str(path))
    others = [f"{k} ({type(v).__name__})" for k, v in content.items() if not isinstance(v, Tensor)]
    if others or not content:
        what = f"besides tensors: {_some(others)}" if others else "no tensors"
        raise CheckpointError(f"{path}: holds {what}; allowed: a state dict of tensors. {SAVE}")
    return _stripped({str(k): v for k, v in content.items()}), history


def _require_plain(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    import torch

    odd = [f"{name} ({t.layout if t.layout != torch.strided else t.dtype})" for name, t in state.items() if _odd(t)]
    if odd:
        raise CheckpointError(f"{path}: holds {_some(odd)}; allowed: dense tensors of plain numbers. {SAVE}")
    bad = [name for name, t in state.items() if t.is_floating_point() and not t.isfinite().all()]
    if bad:
        raise CheckpointError(
            f"{path}: holds NaN or infinite values in {_some(bad)}. The training that made it diverged."
        )


def _odd(t: Tensor) -> bool:
    """Whether a tensor is sparse, quantised, without data, or of a type in which little can be computed."""
    import torch

    eight_bits = t.is_floating_point() and t.element_size() < 2
    return t.layout != torch.strided or t.is_quantized or t.is_meta or eight_bits


def load_into(net: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Load a state dict that must fit the module exactly.

    Counters ``num_batches_tracked``, which old checkpoints lack, may be missing.

    Args:
        net: changed in place.
        state: tensors by name, cast to the module's types.
        where: the file, for messages.

    Raises:
        CheckpointError: missing or unexpected names, or other shapes, naming the first few of each.
    """
    from torch.nn.parameter import is_lazy

    own = net.state_dict()
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in own]
    shapes = [
        f"{k} (file {tuple(t.shape)}, model {tuple(own[k].shape)})"
        for k, t in state.items()
        if k in own and not is_lazy(own[k]) and t.shape != own[k].shape
    ]
    found = {"missing in the file": missing, "unexpected in the file": unexpected, "of another shape": shapes}
    parts = [f"{len(names)} {what}: {_some(names)}" for what, names in found.items() if names]
    if parts:
        fits = f"{len(own) - len(missing) - len(shapes)} of the model's {len(own)} tensors fit"
        raise CheckpointError(
            f"{where}: does not match the model ({fits}). {'; '.join(parts)}. "
            "Check that the model and its options are those that the weights were trained with."
        )
    net.load_state_dict(dict(state), strict=False)


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and values of tensors."""
    import torch

    chunks: list[bytes] = []
    for name in sorted(state):
        t = state[name].detach().cpu().contiguous()
        chunks += [f"{name} {t.dtype} {tuple(t.shape)}".encode(), t.reshape(-1).view(torch.uint8).numpy().tobytes()]
    return bytes_digest(*chunks)


def _safetensors(path: str | os.PathLike[str]) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as e:
        raise CheckpointError(f"{path}: is truncated or not a safetensors file ({e}).") from None


def _torch(path: str | os.PathLike[str]) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old formats, which nobody here can mend
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        refused = re.search(r"GLOBAL ([\w.]+)", str(e))
        wants = f" (it wants to run {refused[1]})" if refused is not None else ""
        if refused is not None and refused[1].startswith("torch.sparse.semi_structured"):
            raise CheckpointError(
                f"{path}: holds 2:4 sparse tensors of torch ({refused[1]}), whose file names code that would have to "
                "be run. Save dense ones: {k: v.to_dense() if hasattr(v, 'packed') else v for k, v in "
                "net.state_dict().items()}; their zeros say which weights were removed."
            ) from None
        if refused is None and not _names_code(path):
            raise CheckpointError(f"{path}: is truncated or not a torch checkpoint. {SAVE}") from None
        raise CheckpointError(
            f"{path}: is a pickle with code{wants}, which pruneviz never runs; allowed: tensors only, so not a whole "
            f"pickled model. {SAVE}"
        ) from None
    except Exception as e:  # torch's reader of pickles raises whatever the bytes lead it to
        raise CheckpointError(f"{path}: is truncated or not a torch checkpoint ({_first_line(e)}).") from None


def _names_code(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a pickle that names classes or functions; looks at its operations and runs none."""
    with Path(path).open("rb") as file:
        try:
            return any(operation.name in _NAMING for operation, _, _ in pickletools.genops(file))
        except Exception:  # no pickle, or cut short
            return False


_NAMING = ("GLOBAL", "STACK_GLOBAL", "INST")


def _unwrap(content: Any) -> Any:
    while isinstance(content, Mapping):
        inner = [k for k in WRAPPERS if isinstance(content.get(k), Mapping)]
        if not inner:
            return content
        content = content[inner[0]]
    return content


def _stripped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if all(k.startswith(prefix) for k in state):
            return _stripped({k.removeprefix(prefix): t for k, t in state.items()})
    return state


def _some(names: Iterable[str], count: int = 4) -> str:
    listed = list(names)
    more = f" and {len(listed) - count} more" if len(listed) > count else ""
    return ", ".join(listed[:count]) + more


def _first_line(e: Exception) -> str:
    return f"{type(e).__name__}: {e}".splitlines()[0][:200]
