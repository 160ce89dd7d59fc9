"""What ``compare``, ``prune`` and ``export-model`` accept: models as they are, and one model at a time."""

from __future__ import annotations

import argparse
from typing import Any


def add_models(command: Any) -> None:
    """Add the three commands; see :mod:`pruneviz_apps.commands.parser` for the rules."""
    _compare(command)
    _prune(command)
    _export_model(command)


def _settings(p: Any) -> None:
    p.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a value of a study file, such as data.mean=[0.5] or measure.latency=false; may be repeated",
    )


def _count(text: str) -> int:
    if text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number from 1 to 1000")


def _device(p: Any) -> None:
    p.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where models run; auto takes an accelerator where there is one (default: %(default)s)",
    )


def _compare(command: Any) -> None:
    p = command(
        "compare",
        "compare:compare",
        "lay models that were pruned anywhere side by side",
        "  pruneviz compare dense=w0.safetensors wanda=w1.safetensors --model my_pkg:build --data folder:photos\n"
        "  pruneviz compare dense=sample:lenet5-fashion cut=small_pkg:build@w.pt --data sample:fashion --store runs/c\n"
        "  pruneviz compare dense=w0.pt cut=w1.pt --model my_pkg:build --history cut=history.json --data npz:test.npz",
        "Nothing is pruned or trained. Removed weights are told from zeros, masks beside weights\n"
        "(torch.nn.utils.prune, parametrizations), sparse formats and smaller shapes. The study that\n"
        "comes out is one like any other, for app, report and export; the same command goes on where it was.",
    )
    p.add_argument(
        "models",
        metavar="NAME=MODEL",
        nargs="+",
        help="a name and FILE, package.module:factory@FILE, or sample:NAME; FILE is safetensors or a state dict",
    )
    p.add_argument("--data", metavar="DATA", required=True, help='images, such as "folder:photos" or "sample:fashion"')
    p.add_argument("--model", metavar="M", help="the architecture of files alone: package.module:factory")
    p.add_argument("--reference", metavar="NAME", default="dense", help="compare with this one (default: %(default)s)")
    p.add_argument(
        "--replicates",
        type=_count,
        metavar="N",
        default=1,
        help="models of each name, from different trainings; {replicate} in a file's name is 0 to N-1 (default: 1)",
    )
    p.add_argument(
        "--history",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="torch-pruning's pruning_history() of a model that it cut, .json or .pt; may be repeated",
    )
    p.add_argument(
        "--analysis",
        metavar="NAME",
        dest="analyses",
        action="append",
        default=[],
        help="carry out this one besides those that these models can have and that do not take long; may be repeated",
    )
    p.add_argument("--only", action="store_true", help="no analyses but those named with --analysis")
    p.add_argument("--store", metavar="DIR", help="where results are kept (default: runs/NAME)")
    p.add_argument("--name", metavar="NAME", default="compare", help="the study's name (default: %(default)s)")
    _settings(p)
    _device(p)
    p.add_argument("--dry-run", action="store_true", help="check everything and say what it takes; writes nothing")
    p.add_argument("--json", action="store_true", help="print the summary as JSON on stdout")


def _prune(command: Any) -> None:
    p = command(
        "prune",
        "prune:prune",
        "prune one model once, and write it to a file",
        "  pruneviz prune sample:mlp-digits --method magnitude --sparsity 0.9 --data sample:digits -o w.safetensors\n"
        "  pruneviz prune my_pkg:build@w.pt --method l2-filter --sparsity 0.5 --recovery finetune \\\n"
        "      --data folder:photos -o small.safetensors",
        "Channels are cut for real, single weights set to zero. The file is safetensors that any library reads;\n"
        "pv.load(FILE) gives the model back.",
    )
    p.add_argument("model", metavar="MODEL", help="sample:NAME, or package.module:factory@FILE with its weights")
    p.add_argument(
        "--method", metavar="M", required=True, help="out of `pruneviz methods`; or '{name = \"…\", option = …}'"
    )
    p.add_argument("--sparsity", metavar="S", required=True, help='such as 0.9, "90%%", 20x or macs=0.5')
    p.add_argument("--data", metavar="DATA", required=True, help='images, such as "folder:photos" or "sample:fashion"')
    p.add_argument("--recovery", metavar="R", default="none", help="what happens after pruning (default: %(default)s)")
    p.add_argument("-o", "--output", metavar="FILE.safetensors", required=True, help="the file to write")
    p.add_argument("--force", action="store_true", help="replace the file where it is there")
    p.add_argument(
        "--masked", action="store_true", help="keep the shapes where channels could be cut: set them to zero"
    )
    p.add_argument("--store", metavar="DIR", help="where results are kept (default: runs/prune-MODEL)")
    _settings(p)
    _device(p)
    p.add_argument("--json", action="store_true", help="print the summary as JSON on stdout")


def _export_model(command: Any) -> None:
    p = command(
        "export-model",
        "export_model:export_model",
        "write a model to ONNX or torch.export, checked to give the same outputs",
        "  pruneviz export-model small.safetensors -o small.onnx\n"
        "  pruneviz export-model small.safetensors --model my_pkg:build -o small.pt2\n"
        "  pruneviz export-model my_pkg:build@w.pt --input 3,32,32 -o net.onnx",
        "What is written is read back, run on images in batches of several sizes, and refused where its\n"
        "outputs differ.\n"
        "ONNX needs the extra: pip install 'pruneviz[onnx]'.",
    )
    p.add_argument(
        "source", metavar="MODEL", help="a file that `prune` wrote, sample:NAME, or package.module:factory@FILE"
    )
    p.add_argument("--model", metavar="M", help="the architecture that the file was pruned from, where it is yours")
    p.add_argument(
        "--input", metavar="C,H,W", help="channels, height and width of an image, where the file does not say"
    )
    p.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write: .onnx or .pt2")
    p.add_argument("--force", action="store_true", help="replace the file where it is there")
    p.add_argument("--json", action="store_true", help="print the summary as JSON on stdout")
