"""``pruneviz export-model``: a model for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import UsageError
from pruneviz_apps.commands.output import print_json
from pruneviz_apps.commands.prune import new_file
from pruneviz_apps.commands.run import importable

if TYPE_CHECKING:
    import argparse

    from torch import nn

ENDINGS = (".onnx", ".pt2")


def export_model(arguments: argparse.Namespace) -> int:
    """Write it, and say how far its outputs are from the model's."""
    from pruneviz.progress import size
    from pruneviz.study.exported import export_model as export

    importable(Path.cwd())
    path = new_file(arguments.output, ENDINGS, arguments.force)
    net, head = _model(arguments)
    shape = _shape(arguments.input, head)
    facts: tuple[str, ...] = ("classes", "pixels", "mean", "std", "method", "target", "recovery", "accuracy")
    about = {k: head[k] for k in facts if k in head}
    done = export(net, shape, path, about)
    if arguments.json:
        print_json({"file": path, "bytes": done.bytes, "gap": done.gap, "largest": done.largest, "images": done.images})
        return 0
    print(f"{path}: {size(done.bytes)}; float32 (N, {', '.join(map(str, shape))}) to logits, N free.")
    print(
        f"Its logits differ from the model's by at most {done.gap:.2g}, of {done.largest:.3g}, "
        f"over {done.images} random images in batches of several sizes."
    )
    if "mean" in head:
        value = "pixel / 255" if head.get("pixels", True) else "value"  # of floating-point images, as they are
        print(f"Images go in as ({value} - mean) / std, with mean {head['mean']} and std {head['std']}.")
    return 0


def _model(given: argparse.Namespace) -> tuple[nn.Module, dict[str, Any]]:
    """The network, and what its file says of itself."""
    from pruneviz import models
    from pruneviz.comparing import source_of
    from pruneviz.core.options import build
    from pruneviz.core.spec import ModelSpec
    from pruneviz.study.saved import has_head, load, read_head

    plain = given.model is not None and not has_head(given.source)
    if Path(given.source).suffix == ".safetensors" and "@" not in given.source and not plain:
        return load(given.source, given.model), read_head(given.source)
    table = source_of("export-model", given.source, given.model)
    spec = build(ModelSpec, table, "export-model")
    if not models.has_weights(spec):
        raise UsageError(f"export-model: got {given.source!r} without weights; allowed: package.module:factory@FILE.")
    return models.build(spec, 0), {}


def _shape(text: str | None, head: dict[str, Any]) -> tuple[int, int, int]:
    if text is None and "input" in head:
        c, h, w = (int(n) for n in head["input"])
        return c, h, w
    parts = (text or "").split(",")
    if len(parts) != 3 or not all(p.strip().isdigit() and int(p) > 0 for p in parts):
        said = "nothing, and the file does not say" if text is None else repr(text)
        raise UsageError(f"--input: got {said}; allowed: channels, height and width, such as 3,32,32.")
    c, h, w = (int(p) for p in parts)
    return c, h, w
