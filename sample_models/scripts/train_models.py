"""Train the sample models with pruneviz's own trainer, and write their weights and cards.

The same machine and versions give the same files; others give models that are as good::

    OMP_NUM_THREADS=1 python sample_models/scripts/train_models.py [NAME ...]

Each model becomes ``<name>-<seed>.safetensors`` (and ``<name>-<seed>-step<n>.safetensors`` for weights kept for
rewinding) and one card ``<name>.json``, which :mod:`pruneviz.models.samples` reads.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

import pruneviz_samples
from pruneviz import data, models, training
from pruneviz.core.keys import file_digest
from pruneviz.core.options import to_plain
from pruneviz.core.spec import DataSpec, ModelSpec, TrainSpec

FOLDER = pruneviz_samples.path("models")


@dataclass(frozen=True)
class Recipe:
    """How one sample model is made; its seeds are 0, 1, …."""

    summary: str
    reference: str
    factory: str
    data: str
    train: TrainSpec
    options: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 1


RECIPES = {
    "mlp-digits": Recipe(
        "multi-layer perceptron 64-100-50-10 on 8×8 digits",
        "",
        "MLP",
        "sample:digits",
        TrainSpec(epochs=40, batch_size=32, lr=0.05, keep_steps=(0,)),
    ),
    "cnn-digits": Recipe(
        "two convolutions and two linear layers on 8×8 digits",
        "",
        "SmallCNN",
        "sample:digits",
        TrainSpec(epochs=20, batch_size=32, lr=0.05, keep_steps=(0,)),
    ),
    "lenet5-fashion": Recipe(
        "LeNet-5 with ReLU and max pooling on Fashion-MNIST, six from different seeds",
        "LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
        "LeNet5",
        "sample:fashion",
        TrainSpec(epochs=20, batch_size=64, lr=0.05, augment="flip", keep_steps=(0,)),
        replicates=6,
    ),
    "resnet8-fashion": Recipe(
        "ResNet-8 of width 16, with batch norm and residual connections, on Fashion-MNIST",
        "He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition",
        "ResNet8",
        "sample:fashion",
        TrainSpec(epochs=10, batch_size=64, lr=0.1, augment="flip"),
    ),
    "vit-fashion": Recipe(
        "vision transformer with three blocks of width 64 and patches of 7×7 pixels on Fashion-MNIST",
        "Dosovitskiy et al. 2021, An image is worth 16×16 words",
        "TinyViT",
        "sample:fashion",
        TrainSpec(
            epochs=25,
            batch_size=64,
            optimizer="adamw",
            lr=1e-3,
            weight_decay=0.05,
            warmup_epochs=2.0,
            augment="flip",
        ),
        {"patch": 7},
    ),
}


def make(name: str, recipe: Recipe) -> dict[str, Any]:
    """Train a sample model's replicates, write their weights, and give the card."""
    data_spec = DataSpec(recipe.data)
    images = data.load(data_spec)
    assert images.train is not None
    spec = ModelSpec(f"pruneviz_samples.nets:{recipe.factory}", options=recipe.options)
    replicates = []
    for seed in range(recipe.replicates):
        started = time.monotonic()
        net = models.build_fresh(spec, seed)
        info = models.examine(net, images.preprocess(images.test.images[:1]), images.num_classes)
        result = training.train(net, images, recipe.train, seed=seed)
        weights, digest = save(net.state_dict(), f"{name}-{seed}.safetensors")
        kept = {step: save(state, f"{name}-{seed}-step{step}.safetensors") for step, state in result.kept.items()}
        accuracy = {}
        for part, split in (("test", images.test), ("val", images.val)):
            assert split is not None
            predicted = training.predict(net, split.images, images.preprocess).argmax(1)
            accuracy[part] = float(np.mean(predicted == split.labels))
        print(f"{name} {seed}: {accuracy}, {time.monotonic() - started:.0f} s", flush=True)
        replicates.append(
            {
                "seed": seed,
                "weights": weights,
                "weights_digest": digest,
                "kept": kept,
                "test_accuracy": accuracy["test"],
                "val_accuracy": accuracy["val"],
            }
        )
    return {
        "name": name,
        "summary": recipe.summary,
        "reference": recipe.reference,
        "factory": recipe.factory,
        "options": dict(recipe.options),
        "classes": images.num_classes,
        "parameters": info.parameters,
        "macs": info.macs,
        "data": {
            **to_plain(data_spec),
            "digest": images.digest,
            "mean": list(images.mean),
            "std": list(images.std),
            "train": len(images.train),
            "val": len(images.val) if images.val is not None else 0,
            "test": len(images.test),
        },
        "train": to_plain(recipe.train),
        "steps": training.total_steps(recipe.train, len(images.train)),
        "replicates": replicates,
        "licence": "Apache-2.0",
        "made_by": "sample_models/scripts/train_models.py",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "threads": str(torch.get_num_threads()),
        },
    }


def save(state: Mapping[str, Tensor], file: str) -> tuple[str, str]:
    """Write tensors; give the file's name and digest."""
    FOLDER.mkdir(exist_ok=True)
    save_file({k: t.contiguous() for k, t in state.items()}, FOLDER / file)
    return file, file_digest(FOLDER / file)


def main() -> None:
    """Make the named models, or all."""
    parser = argparse.ArgumentParser(description="Train the sample models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; absent: all")
    parser.add_argument("--epochs", type=int, help="fewer, to try the script out")
    args = parser.parse_args()
    if unknown := set(args.names) - set(RECIPES):
        parser.error(f"no recipe for {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    torch.set_num_threads(1)
    for name in args.names or RECIPES:
        recipe = RECIPES[name]
        if args.epochs is not None:
            recipe = replace(recipe, train=replace(recipe.train, epochs=args.epochs))
        card = make(name, recipe)
        text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
