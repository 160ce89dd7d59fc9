"""Models pruned anywhere, side by side: ``pv.compare({"dense": m0, "mine": m1}, data=test_set)``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.api import Asked
from pruneviz.core.errors import SpecError, UsageError
from pruneviz.core.spec import study_from_plain

if TYPE_CHECKING:
    from pruneviz.study import Listener, Study

WHERE = "pv.compare"
SOURCES = ("sample:", "timm:")
FORM = "FILE, or package.module:factory@FILE for an architecture of its own, or sample:NAME"


def compare(
    models: Mapping[str, Any],
    data: Any,
    *,
    store: str | os.PathLike[str] | None = None,
    listener: Listener | None = None,
    device: str = "auto",
    **asked: Any,
) -> Study:
    """Compare models as they are, on the same images; a study like any other comes out.

    The same call goes on where it was; models in memory have to be given again for that.

    Args:
        models: by name, each a ``torch.nn.Module`` (or a list of them, one for each replicate), a text such as
            ``"my_pkg.nets:small@w.safetensors"`` or ``"sample:lenet5-fashion"``, or a table as under ``[[models]]``.
        data: a test Dataset, ``(train, test)``, arrays, or a source such as ``"sample:fashion"``.
        store: a folder; ``runs/NAME`` when absent.
        listener: told of every step; progress is shown on stderr when absent.
        device: ``auto``, ``cpu`` or ``cuda``.
        asked: as for :func:`new_comparison`.

    Raises:
        PrunevizError: a model cannot be read, or the models have no common task; the text says why.
    """
    return new_comparison(models, data, **asked).run(store, listener=listener, device=device)


def new_comparison(
    models: Mapping[str, Any],
    data: Any,
    *,
    reference: str = "dense",
    model: str | None = None,
    analyses: Sequence[str] | Mapping[str, Mapping[str, Any]] = (),
    others: bool = True,
    name: str = "compare",
    data_options: Mapping[str, Any] | None = None,
    measure: Mapping[str, Any] | None = None,
) -> Asked:
    """Ask for a comparison and do not run it yet.

    Args:
        models: as for :func:`compare`.
        data: as for :func:`compare`.
        reference: the model that the others are compared with.
        model: the architecture of those given as a file alone, such as ``"my_pkg.nets:resnet"``.
        analyses: names, or options by name.
        others: whether every other analysis that these models can have, and that does not take long, is carried out.
        name: the study's name in its store.
        data_options: further values of ``[data]``, such as ``{"mean": [0.5], "std": [0.25]}``.
        measure: values of ``[measure]``.

    Raises:
        SpecError: something is not allowed, with its place.
    """
    if not isinstance(models, Mapping):
        raise SpecError(f"{WHERE}: models", models, 'a dictionary, such as {"dense": net, "mine": pruned}')
    live: dict[str, Any] = {}
    tables = [_table(str(label), given, model, live) for label, given in models.items()]
    if isinstance(data, (str, os.PathLike)):
        source = os.fspath(data)
    else:
        if "data" in live:
            raise SpecError(f"{WHERE}: models", "data", "any name but 'data' for a module, where data are given too")
        live["data"], source = data, "memory:data"
    given = dict(analyses) if isinstance(analyses, Mapping) else {k: {} for k in analyses}
    table = {
        "name": name,
        "compare": {"reference": reference, "others": others},
        "models": tables,
        "data": {"source": source, **(data_options or {})},
        "measure": dict(measure or {}),
        "analyses": given,
    }
    return Asked(study_from_plain(table, WHERE), live, WHERE)


def _table(label: str, given: Any, model: str | None, live: dict[str, Any]) -> dict[str, Any]:
    """One model as under ``[[models]]``."""
    if isinstance(given, Mapping):
        return {"name": label, **given}
    if isinstance(given, (str, os.PathLike)):
        return {"name": label, **source_of(label, os.fspath(given), model)}
    live[label] = given
    count = len(given) if isinstance(given, (list, tuple)) else 1
    return {"name": label, "source": f"memory:{label}", "replicates": count}


def _names_code(text: str) -> bool:
    module, sign, attribute = text.partition(":")
    return bool(sign) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def source_of(label: str, text: str, model: str | None) -> dict[str, Any]:
    """Source and checkpoint of ``FILE``, ``SOURCE@FILE`` or ``sample:NAME``.

    Args:
        label: the model's name, for messages.
        text: what was given.
        model: the source of files alone.

    Raises:
        UsageError: a file was given and nothing that says what architecture it belongs to.
    """
    before, sign, after = text.partition("@")
    if sign and after and (":" in before or before.startswith(SOURCES)) and not Path(text).is_file():
        return {"source": before, "checkpoint": str(Path(after).expanduser().absolute())}
    if text.startswith(SOURCES):
        return {"source": text}
    if _names_code(text) and not Path(text).is_file():
        raise UsageError(f"{label}: got {text!r} without weights; allowed: {label}={text}@FILE, with its checkpoint.")
    if not text.strip():
        raise UsageError(f"{label}: got {text!r}; allowed: {FORM}.")
    if model is None:
        raise UsageError(
            f"{label}: got the file {text!r}, and nothing says which architecture it belongs to. Give it for all with "
            f"--model (model= in Python), or for this one: {label}=package.module:factory@{text}."
        )
    return {"source": model, "checkpoint": str(Path(text).expanduser().absolute())}
