"""What was found removed in a model that was pruned elsewhere, told layer by layer and beside its reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import ModelError
from pruneviz.core.keys import file_digest
from pruneviz.core.tables import GIVEN
from pruneviz.study.given import GivenModel, history_file, read_given
from pruneviz.study.patterns import pattern_of

if TYPE_CHECKING:
    from pruneviz.models import ModelInfo
    from pruneviz.study.execute import Bench
    from pruneviz.study.steps import Step

SAME, CUT, OTHER = "same", "cut", "other"
SMALLER = "smaller shape"


def relation(own: ModelInfo, reference: Mapping[str, Any]) -> str:
    """How an architecture stands to the reference's: the ``same``, ``cut`` from it, or an ``other``.

    Args:
        own: the model's layers.
        reference: what :func:`described` gave of the reference.
    """
    shapes = {x.parameter: list(x.shape) for x in own.layers}
    theirs = {name: of["shape"] for name, of in reference["layers"].items()}
    if shapes == theirs:
        return SAME
    if shapes.keys() != theirs.keys() or any(len(shapes[n]) != len(s) for n, s in theirs.items()):
        return OTHER
    smaller = all(a <= b for n, s in theirs.items() for a, b in zip(shapes[n], s, strict=True))
    return CUT if smaller else OTHER


def described(info: ModelInfo) -> dict[str, Any]:
    """What of a reference others are held against, as plain data."""
    layers = {x.parameter: {"shape": list(x.shape), "positions": x.positions} for x in info.layers}
    return {"parameters": info.parameters, "macs": info.macs, "layers": layers, "classifier": info.classifier}


def give(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    """Carry out the step that reads one given model: its weights, its mask, and the table of what was found."""
    from pruneviz.study import inputs
    from pruneviz.study.execute import MASK, WEIGHTS, data_of
    from pruneviz.study.tensors import save_mask, save_table, save_tensors

    data, context = data_of(step, bench), step.context
    inputs.require_same_model(context, step.key, bench.live)
    example = data.preprocess(data.test.images[:1])
    model, replicate = context["model"], context["replicate"]
    if model.history is not None and file_digest(history_file(model, replicate)) != step.params["history"]:
        raise ModelError(f"{history_file(model, replicate)}: has changed since the study was planned. {inputs.AGAIN}")
    found = read_given(model, replicate, bench.live, example, len(data.classes))
    save_tensors(folder / WEIGHTS, found.net.state_dict())
    save_mask(folder / MASK, found.mask)
    of = described(found.info)
    reference = bench.store.need(step.inputs["reference"]).meta["given"]["own"] if "reference" in step.inputs else of
    related = relation(found.info, reference)
    rows = found_rows(found, reference if related != OTHER else None)
    save_table(folder / f"{GIVEN.name}.parquet", GIVEN, GIVEN.frame(rows))
    given = {
        "own": of,
        "relation": related,
        "unit": _unit(found, related, rows),
        "reference": reference if related == CUT else None,
    }
    warnings = list(found.notes)
    removed = sum(r["removed"] for r in rows)
    if "reference" not in step.inputs and removed:
        share = removed / sum(r["entries"] for r in rows)
        warnings.append(
            f"the reference has {share:.3g} of its prunable weights removed already: 'dense' in tables and sentences "
            "means this model"
        )
    return {
        "given": given,
        "warnings": warnings,
        "sparsity_achieved": _achieved(found, reference, related),
        "steps": None,
    }


def found_rows(found: GivenModel, reference: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The table :data:`pruneviz.core.tables.GIVEN` of one model, without its run id.

    Args:
        found: the model.
        reference: what the same layers are in the reference; None where it is another architecture.
    """
    rows = []
    for i, layer in enumerate(found.info.layers):
        kept = found.mask[layer.parameter]
        whole = reference["layers"][layer.parameter]["shape"] if reference is not None else list(layer.shape)
        entries = int(np.prod(whole, dtype=np.int64))
        form = found.forms.get(layer.parameter, "")
        if whole != list(layer.shape):
            form = f"{SMALLER}, {form}" if form else SMALLER
        rows.append(
            {
                "run_id": "",
                "layer": layer.parameter,
                "index": i,
                "found": form or "nothing removed",
                "pattern": "channels" if (found.mask.units and not kept.all()) or form == SMALLER else pattern_of(kept),
                "shape": _times(layer.shape),
                "reference_shape": _times(whole) if reference is not None else None,
                "entries": entries,
                "removed": entries - int(np.count_nonzero(kept)),
            }
        )
    return rows


def _times(shape: Any) -> str:
    return "×".join(str(n) for n in shape)


def _unit(found: GivenModel, related: str, rows: list[dict[str, Any]]) -> str | None:
    """What was removed, as far as one word says it."""
    if found.mask.units or related == CUT:
        return "channel"
    patterns = {r["pattern"] for r in rows if r["removed"]}
    if not patterns:
        return None
    return "nm" if all(":" in p for p in patterns) else "weight"


def _achieved(found: GivenModel, reference: Mapping[str, Any], related: str) -> float:
    """The removed fraction: of all layers' output channels where it was cut (the classifier's left out), else of
    weights. Channels are counted alike however the cut is known: by its smaller shapes, a history or zeros.
    """
    if found.mask.units or related == CUT:
        counted = [x for x in found.info.layers if x.module != found.info.classifier]
        rows = [found.mask[x.parameter].reshape(x.shape[0], -1) for x in counted]
        kept = sum(int(r.any(axis=1).sum()) if found.mask.units else len(r) for r in rows)
        whole = [reference["layers"][x.parameter]["shape"] if related == CUT else x.shape for x in counted]
        return 1 - kept / sum(int(shape[0]) for shape in whole)
    layers = [found.mask[x.parameter] for x in found.info.layers]
    kept_entries, entries = sum(int(np.count_nonzero(k)) for k in layers), sum(int(k.size) for k in layers)
    return 1 - kept_entries / entries
