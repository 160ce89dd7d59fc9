"""Running, resuming, looking ahead: what the command line and the Python API call."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.analysis import Analysis
from pruneviz.core.errors import Cancelled, SpecError, StoreError, located
from pruneviz.core.options import to_plain
from pruneviz.core.spec import StudySpec
from pruneviz.study.coordinator import Coordinator, Listener, reason_of
from pruneviz.study.disk import require_room
from pruneviz.study.environment import environment
from pruneviz.study.executors import run_inline, run_local
from pruneviz.study.fitting import fitted, told
from pruneviz.study.observe import add_observations, looks
from pruneviz.study.plan import Plan, plan
from pruneviz.study.record import record_of, still_shown
from pruneviz.study.steps import Step
from pruneviz.study.store import Store
from pruneviz.study.study import Study

if TYPE_CHECKING:
    from pruneviz.study.preflight import Costs

EXECUTORS = ("inline", "local")
START = 2.0  # seconds until worker processes have started and imported what they need


@dataclass(frozen=True)
class PlanSummary:
    """What a study will take, said before it runs.

    Attributes:
        steps, done: how many steps there are, and how many are in the store already.
        runs: how many runs the study shows.
        kinds: steps still to do, by kind.
        seconds: estimate with the given workers, measured on one batch; 0 when all is done.
        bytes: estimate of the disk it will take.
        notes: what was fitted to a time given, in words.
        unmeasured: analyses whose tables and findings are to be made, where every step is done.
    """

    steps: int
    done: int
    runs: int
    kinds: Mapping[str, int]
    seconds: float
    bytes: int
    workers: int
    run_names: tuple[str, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a call of :func:`run_study` ended.

    Attributes:
        study: the study, with its tables.
        made: steps made in this call.
        reused: steps that were in the store already.
        failed: reasons by step title.
        skipped: how many steps could not start because of those.
    """

    study: Study
    made: int
    reused: int
    failed: Mapping[str, str]
    skipped: int


def run_study(
    spec: StudySpec,
    store: str | os.PathLike[str],
    *,
    analyses: Sequence[Analysis] = (),
    workers: int | None = None,
    executor: str | None = None,
    device: str = "auto",
    live: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    origin: str = "",
    unfit: Mapping[str, str] | None = None,
    only: str = "",
) -> Result:
    """Carry out whatever of a study is not in the store yet.

    Args:
        spec: what is asked.
        store: a folder; made where there is none.
        analyses: those that the study asks for, with their options.
        workers: processes of the ``local`` executor; as many as there are processors when absent.
        executor: ``inline`` or ``local``; when absent and no workers are asked for, whichever is done sooner: a small
            study before workers have started. Objects given in Python are always ``inline``.
        device: ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.
        live: objects given in Python, by name.
        listener: told of every step; raises :class:`~pruneviz.core.errors.Cancelled` to stop.
        origin: the file that the study comes from, for messages.
        unfit: why analyses were left out of a comparison, by name; kept with the study.
        only: the analysis that is carried out, on the runs that are there; the others wait, as they do already.

    Raises:
        PrunevizError: something cannot be done, said before anything is trained or written wherever it can be known
            then; nothing that was finished is lost.
        KeyboardInterrupt, Cancelled: stopped; a later call goes on from there.
    """
    live = live or {}
    workers, executor = _ways(workers, executor, live)
    with located(origin):
        made = plan(spec, live)
    made.unfit = dict(unfit or {})
    there = Store.existing(store)
    kept = Store.create(store) if there is not None else None
    analyses = _planned(made, analyses, kept, live, 1 if executor == "inline" else workers, device)
    steps = looks(made, kept, only) if only else made.steps
    pending = [s for s in steps.values() if kept is None or kept.get(s.key) is None]
    costs = None
    if pending:
        device = device_of(device)
        costs = _checked(made, live, analyses, origin)
        executor, _ = _soonest(costs, pending, executor, workers)
        require_room(Path(store).expanduser(), sum(costs.size(s) for s in pending))
    kept = kept or Store.create(store)
    for step in pending:
        kept.forgive(step.key)
    _write_record(kept, made, spec.name, {a.name for a in analyses})
    coordinator = Coordinator(kept, steps, listener, _weight(costs))
    if coordinator.left(alone=False):
        if executor == "local":
            run_local(coordinator, min(workers, coordinator.total), device)
        else:
            run_inline(coordinator, _benches(kept, device, live), device)
    if coordinator.left(alone=True):  # latency is measured with nothing beside it
        run_inline(coordinator, _benches(kept, device, live), device, alone=True)
    study = Study(kept, spec.name)
    failed = {made.steps[k].title: reason for k, reason in coordinator.outcome.failed.items()}
    failed |= _analyse(study, analyses, record_of(made)["observations"], coordinator.tell_of)
    outcome = coordinator.outcome
    reused = len(steps) - coordinator.total + len(outcome.found)
    return Result(study, len(outcome.made), reused, failed, len(outcome.blocked))


def _planned(
    made: Plan, analyses: Sequence[Analysis], store: Store | None, live: Mapping[str, Any], workers: int, device: str
) -> tuple[Analysis, ...]:
    """The analyses with what was given as a time turned into an amount, and their looks at models in the plan."""
    found = fitted(made, analyses, store, live, workers, lambda: device_of(device))
    add_observations(made, found)
    return found


def _checked(made: Plan, live: Mapping[str, Any], analyses: Sequence[Analysis], origin: str) -> Costs:
    from pruneviz.study.preflight import preflight

    with located(origin):
        return preflight(made, live, analyses)


def _benches(store: Store, device: str, live: Mapping[str, Any]) -> Callable[..., Any]:
    from pruneviz.study.execute import Bench

    return lambda progress: Bench(store, device, live, progress)


def _weight(costs: Costs | None) -> Callable[[Step], float]:
    return costs.seconds if costs is not None else lambda step: 1.0


def _ways(workers: int | None, executor: str | None, live: Mapping[str, Any]) -> tuple[int, str | None]:
    """How many workers there may be, and the executor; None where what there is to do decides."""
    if executor is not None and executor not in EXECUTORS:
        raise SpecError("executor", executor, " or ".join(EXECUTORS))
    if workers is not None and workers < 1:
        raise SpecError("workers", workers, "a whole number ≥ 1")
    if executor == "local" and live:
        raise SpecError("executor", executor, "inline", "Models and data given in Python run in this process.")
    count = workers or os.cpu_count() or 1
    if executor is None and (live or count == 1):
        executor = "inline"
    return count, executor or ("local" if workers else None)


def _soonest(costs: Costs, steps: Sequence[Step], executor: str | None, workers: int) -> tuple[str, float]:
    """The executor asked for, or else the one that is done sooner; and its seconds, roughly."""
    beside = [costs.seconds(s) for s in steps if not s.alone]
    alone = sum(costs.seconds(s) for s in steps if s.alone)
    shared = START + max(sum(beside) / workers, *beside, 0.0)  # no step is shared between workers
    took = {"inline": sum(beside) + alone, "local": shared + alone}
    chosen = executor or min(took, key=took.__getitem__)
    return chosen, took[chosen]


def device_of(name: str) -> str:
    """Which device ``auto`` means here.

    Raises:
        SpecError: an unknown device, or CUDA where there is none.
    """
    import torch

    if name not in ("auto", "cpu") and not name.startswith("cuda"):
        raise SpecError("device", name, "auto, cpu or cuda")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SpecError("device", name, "cpu", "This machine has no CUDA device, or its PyTorch is built without CUDA.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _write_record(store: Store, made: Plan, name: str, analyses: Container[str]) -> None:
    record = record_of(made)
    try:
        before = store.read_study(name)
    except StoreError:  # there is none, or it is damaged
        before = {}
    record |= still_shown(before, record, analyses)
    if any(before.get(k) != v for k, v in record.items()):
        store.write_study(name, record)


def _analyse(
    study: Study, analyses: Sequence[Analysis], observations: Mapping[str, Any], tell: Callable[[str, Step], None]
) -> dict[str, str]:
    """Carry out what the finished runs allow; a result is made again when the runs it rests on change.

    Args:
        study: as it is in the store.
        analyses: those asked for.
        observations: keys of the steps in which each of them looked at models, as now planned.
        tell: told of the start and the end of each that is carried out; raises Cancelled to stop.

    Returns:
        Why analyses failed, by title.
    """
    record = study.store.read_study(study.name)
    if record["observations"] != observations:
        study.store.write_study(study.name, {**record, "observations": observations}, replace=True)
        study.refresh()
    keys, failed = {}, {}
    for analysis, step in _measurings(study, analyses):
        keys[analysis.name] = step.key
        made = {"described": step.described, "environment": environment()}
        try:
            with study.store.lease(step.key, wait=True):
                if study.store.get(step.key) is None:
                    tell("start", step)
                    study.store.put(step.key, "analysis", _measured(study, analysis), **made)
                    tell("done", step)
        except (StoreError, Cancelled):
            raise
        except Exception as e:  # it may be anyone's; the runs are kept whatever it does
            failed[f"analysis {analysis.name}"] = reason_of(e)
            study.store.fail(step.key, reason_of(e), traceback.format_exc(), environment())
    record = study.store.read_study(study.name)
    if record.get("analyses", {}) != keys:
        study.store.write_study(study.name, {**record, "analyses": keys}, replace=True)
        study.refresh()
    return failed


def _measurings(study: Study, analyses: Sequence[Analysis]) -> Iterator[tuple[Analysis, Step]]:
    """The step in which each analysis makes its tables from the runs that are done; none without any."""
    done = sorted(r for r, state in zip(study.runs["run_id"], study.runs["status"], strict=True) if state == "done")
    for analysis in analyses if done else ():
        params = {"name": analysis.name, "version": analysis.version, "options": to_plain(analysis), "runs": done}
        params["observed"] = study.observed(analysis.name)
        yield analysis, Step("analysis", params, {}, {}, f"{analysis.name}: tables and findings")


def _unmeasured(kept: Store | None, name: str, analyses: Sequence[Analysis]) -> tuple[str, ...]:
    """Analyses whose tables and findings a store does not have, though all that they rest on is there."""
    if kept is None or name not in kept.studies():
        return tuple(a.name for a in analyses)
    return tuple(a.name for a, step in _measurings(Study(kept, name), analyses) if kept.get(step.key) is None)


def _measured(study: Study, analysis: Analysis) -> Callable[[Path], Mapping[str, Any]]:
    from pruneviz.study.tensors import save_table

    def write(folder: Path) -> Mapping[str, Any]:
        frames = analysis.measure(study)
        for schema in analysis.schemas:
            save_table(folder / f"{schema.name}.parquet", schema, frames[schema.name])
        return {"findings": list(analysis.findings(study, frames))}

    return write


def dry_run(
    spec: StudySpec,
    store: str | os.PathLike[str] | None,
    *,
    analyses: Sequence[Analysis] = (),
    workers: int | None = None,
    executor: str | None = None,
    live: Mapping[str, Any] | None = None,
    origin: str = "",
    only: str = "",
) -> PlanSummary:
    """What :func:`run_study` would do, with everything checked and nothing trained or written.

    Raises:
        PrunevizError: whatever would be refused.
    """
    live = live or {}
    count, way = _ways(workers, executor, live)
    with located(origin):
        made = plan(spec, live)
    kept = Store.existing(store) if store is not None else None
    analyses = _planned(made, analyses, kept, live, 1 if way == "inline" else count, "auto")
    steps = looks(made, kept, only) if only else made.steps
    pending = [s for s in steps.values() if kept is None or kept.get(s.key) is None]
    kinds = {k: sum(s.kind == k for s in pending) for k in dict.fromkeys(s.kind for s in pending)}
    seconds, size = 0.0, 0
    if pending:
        costs = _checked(made, live, analyses, origin)
        way, seconds = _soonest(costs, pending, way, count)
        size = sum(costs.size(s) for s in pending)
    names = tuple(str(r.row["name"]) for r in made.runs.values())
    notes = told(made)
    if left := len(set(made.observations.get(only, ())) - steps.keys()):
        notes = (*notes, f"{left} of its looks at models wait: those models are not made yet.")
    there = len(steps) - len(pending)
    unmeasured = () if pending else _unmeasured(kept, spec.name, analyses)
    count = 1 if way == "inline" else count
    return PlanSummary(len(steps), there, len(made.runs), kinds, seconds, size, count, names, notes, unmeasured)


def open_study(store: str | os.PathLike[str], name: str | None = None) -> Study:
    """A study of a store; the latest when no name is given.

    Raises:
        StoreError: there is no store, no study, or none of that name.
    """
    kept = Store(store)
    if name is None:
        names = kept.studies()
        if not names:
            raise StoreError(f"{kept.root}: holds no study yet. `pruneviz run STUDY --store {kept.root}` makes one.")
        name = names[0]
    return Study(kept, name)
