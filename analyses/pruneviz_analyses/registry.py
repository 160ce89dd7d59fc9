"""Which analyses there are: ours, and those of other installed packages (entry points ``pruneviz.analyses``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pruneviz.core.analysis import SCOPES, Analysis
from pruneviz.core.errors import PrunevizError, SpecError, nearest, unknown
from pruneviz.core.options import build
from pruneviz.core.spec import Choice
from pruneviz.core.tables import SCHEMAS, Schema
from pruneviz_analyses.attributions import Attributions
from pruneviz_analyses.calibration import Calibration
from pruneviz_analyses.corruption_robustness import CorruptionRobustness
from pruneviz_analyses.effective_sparsity import EffectiveSparsity
from pruneviz_analyses.embeddings import Embeddings
from pruneviz_analyses.feature_geometry import FeatureGeometry
from pruneviz_analyses.layer_sensitivity import LayerSensitivity
from pruneviz_analyses.mask_checks import MaskChecks
from pruneviz_analyses.pq_index import PQIndex
from pruneviz_analyses.prediction_changes import PredictionChanges
from pruneviz_analyses.retrain_correlation import RetrainCorrelation
from pruneviz_analyses.similarity import Similarity
from pruneviz_analyses.three_regime import ThreeRegime
from pruneviz_analyses.tournament import Tournament

GROUP = "pruneviz.analyses"
_MEMORY = "memory:"  # begins the names of what is given in Python

ANALYSES: Mapping[str, type[Analysis]] = {
    cls.name: cls
    for cls in (
        PredictionChanges,
        Attributions,
        Calibration,
        CorruptionRobustness,
        PQIndex,
        RetrainCorrelation,
        Similarity,
        LayerSensitivity,
        EffectiveSparsity,
        MaskChecks,
        FeatureGeometry,
        Embeddings,
        ThreeRegime,
        Tournament,
    )
}


def names() -> tuple[str, ...]:
    """The analyses there are, those of other packages included."""
    return tuple(sorted({*ANALYSES, *_others()}))


def find(name: str, where: str) -> type[Analysis]:
    """The class of an analysis.

    Args:
        name: as under ``[analyses]``.
        where: the place in the study, for messages.

    Raises:
        SpecError: there is none of that name.
        PrunevizError: it belongs to another package and cannot be imported, or breaks the contract.
    """
    others = _others()
    if name in ANALYSES and name not in others:
        return ANALYSES[name]
    if name not in others:
        raise unknown(where, name, names())
    return _load(name, others[name], where)


def resolve(choice: Choice, where: str, live: Mapping[str, Any] | None = None) -> Analysis:
    """The analysis that a study asks for, with its options checked.

    Args:
        choice: as asked.
        where: the place in the study, for messages.
        live: functions given in Python by name, for options that are ``memory:NAME``.

    Raises:
        SpecError: its name or an option is not allowed.
        PrunevizError: it belongs to another package and cannot be used.
    """
    options = {k: _given(v, f"{where} {k}", live or {}) for k, v in choice.options.items()}
    return build(find(choice.name, where), options, where)


def _given(value: Any, where: str, live: Mapping[str, Any]) -> Any:
    """An option's value with what was given in Python in the place of its name."""
    if isinstance(value, (list, tuple)):
        return [_given(v, where, live) for v in value]
    if not isinstance(value, str) or not value.startswith(_MEMORY):
        return value
    name = value.removeprefix(_MEMORY)
    if name not in live:
        given = ", ".join(f"{_MEMORY}{n}" for n in sorted(live)) or "nothing"
        raise SpecError(where, value, f"what was given in Python: {given}", nearest(name, live))
    return live[name]


def _others() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        # The same package may be seen twice, installed and from its checkout: equal targets count once.
        if all(point.value != other.value for other in found.setdefault(point.name, [])):
            found[point.name].append(point)
    return found


def _load(name: str, points: list[EntryPoint], where: str) -> type[Analysis]:
    """Import another package's analysis and hold it to the contract."""
    packages = " and ".join(p.dist.name if p.dist is not None else p.value for p in points)
    if name in ANALYSES:
        raise _unusable(where, name, packages, "an analysis of pruneviz has this name")
    if len(points) > 1:
        raise _unusable(where, name, packages, "they share this name")
    try:
        cls = points[0].load()
    except Exception as e:  # another package's code may fail in any way
        reason = f"importing {points[0].value} failed with {type(e).__name__}: {e}"
        raise _unusable(where, name, packages, reason) from e
    if wrong := _faults(cls, name):
        raise _unusable(where, name, packages, "; ".join(wrong))
    return cast("type[Analysis]", cls)


def _faults(cls: Any, name: str) -> list[str]:
    """What keeps a class from being an analysis; see :class:`pruneviz.core.analysis.Analysis`."""
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        return ["it is not a dataclass"]
    faults = [] if cast(Any, cls).__dataclass_params__.frozen else ["its dataclass is not frozen"]
    kinds = {"name": str, "summary": str, "reference": str, "scope": str, "schemas": tuple, "version": int}
    if hasattr(cls, "observing_version"):
        kinds["observing_version"] = int
    faults += [f"its {k} is not a {t.__name__}" for k, t in kinds.items() if not isinstance(getattr(cls, k, None), t)]
    methods = ("check", "measure", "findings")
    faults += [f"it has no method {m}" for m in methods if not callable(getattr(cls, m, None))]
    if faults:
        return faults
    known = cast("type[Analysis]", cls)
    if known.name != name:
        faults.append(f"it calls itself {known.name!r}")
    if known.scope not in SCOPES:
        faults.append(f"its scope is {known.scope!r}; allowed: {', '.join(SCOPES)}")
    for schema in known.schemas:
        title = schema.name if isinstance(schema, Schema) else repr(schema)
        if title in SCHEMAS or not (title == name or title.startswith(f"{name}_")):
            faults.append(f"its table {title} is not a Schema named {name} or {name}_…")
    return faults


def _unusable(where: str, name: str, packages: str, why: str) -> PrunevizError:
    return PrunevizError(
        f"{where}: the analysis {name!r} of the installed package {packages} cannot be used: {why}. "
        "Update or uninstall that package, or take the analysis out of the study."
    )
