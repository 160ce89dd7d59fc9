"""The trained models that ship: their cards, read without importing torch."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.core.errors import CheckpointError, SpecError, nearest
from pruneviz.core.keys import digest, file_digest

PACKAGE = "pruneviz_samples"


@dataclass(frozen=True)
class Replicate:
    """One trained sample model.

    Attributes:
        seed: the training seed.
        weights: the safetensors file, beside the card.
        weights_digest: digest of that file.
        kept: weights of earlier steps for rewinding, file and digest by step; step 0 is the initialisation.
        test_accuracy, val_accuracy: fractions, as ``training.predict`` gives them.
    """

    seed: int
    weights: str
    weights_digest: str
    kept: Mapping[int, tuple[str, str]]
    test_accuracy: float
    val_accuracy: float


@dataclass(frozen=True)
class Card:
    """What is known of a sample model.

    Attributes:
        factory: the class in ``pruneviz_samples.nets``, called with ``options``.
        data: the data set it was trained on: its spec, digest, mean and standard deviation.
        train: the training settings.
        steps: optimiser steps of that training.
        made_by: the script that trained it.
        macs: multiply-adds of convolutions and linear layers for one image.
    """

    name: str
    summary: str
    reference: str
    factory: str
    options: Mapping[str, Any]
    classes: int
    parameters: int
    macs: int
    data: Mapping[str, Any]
    train: Mapping[str, Any]
    steps: int
    replicates: tuple[Replicate, ...]
    licence: str
    made_by: str
    versions: Mapping[str, str]

    @property
    def source_digest(self) -> str:
        """Digest of the file that defines the architecture, with its options."""
        nets = file_digest(Path(str(importlib.resources.files(PACKAGE))) / "nets.py")
        return digest({"nets": nets, "factory": self.factory, "options": self.options})


def folder() -> Path:
    """Where cards and weights lie."""
    return Path(str(importlib.resources.files(PACKAGE))) / "models"


@functools.cache
def names() -> tuple[str, ...]:
    """The sample models, sorted."""
    return tuple(sorted(p.stem for p in folder().glob("*.json")))


@functools.cache
def card(name: str) -> Card:
    """The card of a sample model.

    Raises:
        SpecError: there is no such sample model.
    """
    if name not in names():
        allowed = ", ".join(f"sample:{n}" for n in names()) or "nothing: no sample model is installed"
        raise SpecError("[model] source", f"sample:{name}", allowed, nearest(name, names()))
    raw = json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))
    replicates = tuple(
        Replicate(**{**r, "kept": {int(step): (file, of) for step, (file, of) in r["kept"].items()}})
        for r in raw.pop("replicates")
    )
    return Card(**raw, replicates=replicates)


def replicate(name: str, number: int) -> Replicate:
    """One of a sample model's trained replicates.

    Raises:
        SpecError: there is no such sample model, or it has fewer replicates.
    """
    has = card(name).replicates
    if not 0 <= number < len(has):
        allowed = f"at most {len(has)}: sample:{name} has replicates 0 to {len(has) - 1}"
        remedy = "Ask for fewer, or for a lower first, or train your own with [train]."
        raise SpecError("[model] replicates", f"replicate {number}", allowed, remedy)
    return has[number]


def weights(name: str, number: int, step: int | None = None) -> Path:
    """The file of a replicate's weights, its digest checked.

    Args:
        name: the sample model.
        number: the replicate.
        step: weights kept after that many training steps (0: initialisation); ``None``: the trained ones.

    Raises:
        SpecError: there is no such sample model, replicate or step.
        CheckpointError: the file is not the one that the card describes.
    """
    has = replicate(name, number)
    if step is None:
        file, expected = has.weights, has.weights_digest
    elif step in has.kept:
        file, expected = has.kept[step]
    else:
        raise SpecError("step", step, f"the steps kept of sample:{name}: {sorted(has.kept) or 'none'}")
    path = folder() / file
    if not path.is_file() or file_digest(path) != expected:
        raise CheckpointError(
            f"{path}: is absent or not the file that the card {name}.json describes. Reinstall pruneviz."
        )
    return path
