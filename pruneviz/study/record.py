"""What a store remembers of a study: the question and the runs it means, as plain data."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from pruneviz.core.options import to_plain
from pruneviz.study.plan import Plan


@dataclass(frozen=True)
class RunRecord:
    """A planned run, as the store remembers it.

    Attributes:
        row: the columns of the runs table that the plan decided.
        measure, latency: keys of the steps that measure it; latency may be None.
        prune: keys of the pruning and training steps of its own, in order.
        lineage: keys of the dense model's step and of every step up to this run.
    """

    run_id: str
    row: Mapping[str, Any]
    measure: str
    latency: str | None
    own: tuple[str, ...]
    lineage: tuple[str, ...]


def record_of(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, for :meth:`pruneviz.study.store.Store.write_study`."""
    return {
        "spec": to_plain(plan.spec),
        "data": plan.data_digest,
        "pictures": plan.pictures,
        "fitted": plan.fitted,
        "unfit": plan.unfit,
        "observations": {name: list(keys) for name, keys in plan.observations.items()},
        "runs": [
            {
                "run_id": r.run_id,
                "row": dict(r.row),
                "measure": r.measure,
                "latency": r.latency,
                "own": list(r.own_steps),
                "lineage": list(r.lineage),
            }
            for r in plan.runs.values()
        ],
        "steps": sorted(plan.steps),
    }


def runs_of(record: Mapping[str, Any]) -> tuple[RunRecord, ...]:
    """The runs of a record, in the plan's order."""
    return tuple(
        RunRecord(r["run_id"], r["row"], r["measure"], r["latency"], tuple(r["own"]), tuple(r["lineage"]))
        for r in record["runs"]
    )


def still_shown(before: Mapping[str, Any], record: Mapping[str, Any], analyses: Container[str]) -> dict[str, Any]:
    """What analyses found earlier stays in sight until they are done again, where the study has only grown.

    Of one that is asked with other options also what it observed with the old ones.

    Args:
        before: the record in the store; empty where there is none.
        record: the new one.
        analyses: the names of those asked for.

    Returns:
        The entries of the new record that keep it.
    """
    runs = {r["run_id"] for r in record["runs"]}
    if before.get("data") != record["data"] or not all(r["run_id"] in runs for r in before["runs"]):
        return {}
    was, asked = ({c["name"]: c["options"] for c in r["spec"]["analyses"]} for r in (before, record))
    kept = {name: key for name, key in before.get("analyses", {}).items() if name in analyses}
    changed = [n for n in kept if was.get(n) != asked.get(n) and n in before["observations"]]
    observed = {n: before["observations"][n] for n in changed}
    return {"analyses": kept, "observations": {**record["observations"], **observed}}
