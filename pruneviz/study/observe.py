"""Steps in which an analysis looks at models: planned from the runs, carried out and kept like every other step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.analysis import Analysis, Observation, Observing
from pruneviz.core.errors import StoreError
from pruneviz.core.options import to_plain
from pruneviz.core.tables import RUNS
from pruneviz.study.plan import Plan
from pruneviz.study.record import runs_of
from pruneviz.study.steps import Step
from pruneviz.study.tensors import load_table, save_table

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.data import ImageData
    from pruneviz.models import ModelInfo
    from pruneviz.study.execute import Bench
    from pruneviz.study.store import Artifact, Store

AFTER = "after:"  # begins the roles of observations among a step's inputs
TABLE = ".parquet"


@dataclass(frozen=True)
class SeenModel:
    """A model given to an analysis; see :class:`pruneviz.core.analysis.Seen`."""

    run_id: str
    net: nn.Module
    mask: Mask | None
    info: ModelInfo
    data: ImageData
    example: Tensor
    device: str


def add_observations(made: Plan, analyses: Sequence[Analysis]) -> None:
    """Add to the plan the steps in which analyses look at its runs."""
    runs = RUNS.frame([dict(r.row) for r in made.runs.values()])
    for analysis in analyses:
        if not isinstance(analysis, Observing):
            continue
        known: dict[int, str] = {}
        looks = list(analysis.observations(runs))  # held, so that ids stay theirs
        keys = [_planned(made, analysis, o, known) for o in looks]
        made.observations[analysis.name] = tuple(dict.fromkeys(keys))


def _planned(made: Plan, analysis: Any, o: Observation, known: dict[int, str]) -> str:
    """Add an observation's step to the plan, those that it comes after first; its key.

    Each is looked at once (by its identity), since very many may come after the same ones.
    """
    if id(o) in known:
        return known[id(o)]
    planned = [made.runs[r] for r in o.run_ids]
    inputs = {f"{i}.{role}": key for i, r in enumerate(planned) for role, key in r.state.inputs.items()}
    inputs |= {f"{AFTER}{i}": _planned(made, analysis, earlier, known) for i, earlier in enumerate(o.after)}
    params = {
        "analysis": analysis.name,
        "version": getattr(analysis, "observing_version", analysis.version),
        "part": to_plain(o.part),
        "runs": list(o.run_ids),
        "data": made.data_digest,
    }
    contexts = [made.steps[r.measure].context for r in planned]
    context = {**contexts[0], "analysis": analysis, "observation": o, "contexts": contexts}
    known[id(o)] = made.add(Step("observe", params, inputs, context, o.title))
    return known[id(o)]


def looks(made: Plan, store: Store | None, analysis: str) -> dict[str, Step]:
    """The steps in which one analysis looks at models that are there already, by key.

    Raises:
        StoreError: the store has no such study, or models that are no longer the study's: it would lose them.
    """
    found: dict[str, Step] = {}
    known = [r.run_id for r in runs_of(store.read_study(made.spec.name))] if store is not None else []
    if store is not None and (gone := sum(run_id not in made.runs for run_id in known)):
        raise StoreError(
            f"{gone} of the {len(known)} runs of {made.spec.name!r} would be others now: something that they were made "
            "with has changed, such as a file or the version of pruneviz. Run the whole study again, then measure more."
        )
    for key, step in made.steps.items():  # inputs come first
        own = step.kind == "observe" and step.params["analysis"] == analysis
        if own and all(k in found or (store is not None and store.get(k) is not None) for k in step.inputs.values()):
            found[key] = step
    return found


def observe(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    """Carry out one observation and write its tables."""
    from pruneviz.study.execute import load_state

    analysis, o = step.context["analysis"], step.context["observation"]
    models = []
    for i, run_id in enumerate(o.run_ids):
        inputs = {k.partition(".")[2]: v for k, v in step.inputs.items() if k.startswith(f"{i}.")}
        at = load_state(replace(step, inputs=inputs, context=step.context["contexts"][i]), bench)
        models.append(SeenModel(run_id, at.net, at.mask, at.info, at.data, at.example, bench.device))
    progress = bench.progress or (lambda done, total: None)
    earlier = [_tables(bench.store.need(step.inputs[f"{AFTER}{i}"])) for i in range(len(o.after))]
    frames = analysis.observe(models, o.part, progress, *earlier)
    for schema in analysis.observed:
        if schema.name in frames:
            save_table(folder / f"{schema.name}.parquet", schema, frames[schema.name])
    return {}


def _tables(artifact: Artifact) -> dict[str, pd.DataFrame]:
    """The tables of an earlier observation, by name."""
    return {
        f.removesuffix(TABLE): load_table(artifact.path(f)).to_pandas() for f in artifact.files if f.endswith(TABLE)
    }
