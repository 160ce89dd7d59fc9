"""A model in the formats that other runtimes read, ONNX and ``torch.export``, held against its own outputs."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError, PrunevizError, UsageError
from pruneviz.core.keys import is_finite_number

if TYPE_CHECKING:
    from torch import Tensor, nn

ENDINGS = (".onnx", ".pt2")
BATCHES = (1, 2, 5)  # images that the written model is tried on at once: the number is free
TOLERANCE = 1e-4  # of the largest logit: another runtime adds in another order
ABOUT = "pruneviz"  # under which the facts stand in the file


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size.
        gap: largest absolute difference of a logit between the file and the model, over all images tried.
        largest: largest absolute logit of the model on them.
        images: how many were tried.
    """

    path: Path
    bytes: int
    gap: float
    largest: float
    images: int


def export_model(
    net: nn.Module, shape: tuple[int, int, int], path: Path, about: Mapping[str, Any] | None = None
) -> Exported:
    """Write a model, read it back, and compare the outputs on random images in batches of several sizes.

    The input is float32 (N, C, H, W), preprocessed, N free; the output are logits (N, classes).

    Args:
        net: on the CPU; its training modes are kept.
        shape: channels, height and width of an image.
        path: ends with ``.onnx`` or ``.pt2``; replaced whole where it is there.
        about: plain facts to write into the file.

    Raises:
        UsageError: another ending, or the file cannot be written.
        ModelError: the model cannot be exported, or what was written gives other outputs; then nothing is left.
        PrunevizError: the packages for ONNX are not installed.
    """
    import torch

    from pruneviz.training.predicting import evaluating

    write, read = _formats()[_ending(path)]
    if not path.parent.is_dir():
        raise UsageError(f"{path}: cannot be written: there is no folder {str(path.parent)!r}. Make it first.")
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn((n, *shape), generator=generator) for n in BATCHES]
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        with evaluating(net), torch.inference_mode(False), torch.no_grad(), _quiet():
            ours = [net(b) for b in batches]
            write(net, batches[1], temporary, _texts(about or {}))
            again = read(temporary)
            theirs = [again(b) for b in batches]
        gap = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
        largest = max(float(a.abs().max()) for a in ours)
        if not gap <= TOLERANCE * (largest or 1.0):
            raise ModelError(
                f"{path}: the written model's logits differ from the model's by up to {gap:.3g} (of {largest:.3g}), "
                "more than another order of adding explains. It was not kept."
            )
        temporary.replace(path)
    except OSError as e:
        raise UsageError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    except PrunevizError:
        raise
    except Exception as e:  # whatever the exporters meet in a model
        first = (str(e) or "no message").strip().splitlines()[0][:300].rstrip(". ")
        raise ModelError(
            f"{path}: this model cannot be exported: {type(e).__name__}: {first}. Exporters cannot follow code "
            "that depends on values or on the number of images; the safetensors file works wherever PyTorch does."
        ) from e
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, path.stat().st_size, gap, largest, sum(BATCHES))


def _ending(path: Path) -> str:
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"{path}: got the ending {path.suffix!r}; allowed: {' (ONNX), '.join(ENDINGS)} (torch.export)."
        )
    return path.suffix.lower()


def _texts(about: Mapping[str, Any]) -> dict[str, str]:
    finite = {k: v for k, v in about.items() if not isinstance(v, float) or is_finite_number(v)}
    return {ABOUT: json.dumps(finite, ensure_ascii=False, sort_keys=True)}


Writer = Callable[["nn.Module", "Tensor", Path, dict[str, str]], None]
Reader = Callable[[Path], Callable[["Tensor"], "Tensor"]]


def _formats() -> dict[str, tuple[Writer, Reader]]:
    return {".onnx": (_write_onnx, _read_onnx), ".pt2": (_write_pt2, _read_pt2)}


def _free() -> tuple[dict[int, Any]]:
    from torch.export import Dim

    return ({0: Dim("images", min=1, max=65536)},)


def _write_pt2(net: nn.Module, batch: Tensor, path: Path, texts: dict[str, str]) -> None:
    import torch

    program = torch.export.export(net, (batch,), dynamic_shapes=_free())
    torch.export.save(program, path, extra_files=texts)


def _read_pt2(path: Path) -> Callable[[Tensor], Tensor]:
    import torch

    return torch.export.load(path).module()


def _write_onnx(net: nn.Module, batch: Tensor, path: Path, texts: dict[str, str]) -> None:
    import torch

    _require_onnx()
    inputs, outputs = ["images"], ["logits"]
    program = torch.onnx.export(
        net, (batch,), input_names=inputs, output_names=outputs, dynamo=True, dynamic_shapes=_free(), verbose=False
    )
    assert program is not None
    program.model.metadata_props.update(texts)
    program.save(path, external_data=False)


def _read_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: torch.from_numpy(session.run(None, {"images": batch.numpy()})[0])


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as e:
        raise PrunevizError(
            f"ONNX needs the package {e.name!r}: pip install 'pruneviz[onnx]'. A .pt2 file needs no package."
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters tell their developers."""
    loggers = [logging.getLogger(n) for n in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [log.level for log in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in loggers:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(loggers, levels, strict=True):
                log.setLevel(level)
