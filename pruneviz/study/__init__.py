"""The engine: a study's plan, its execution, its store, and the tables that come out."""

from pruneviz.study.coordinator import Event, Listener
from pruneviz.study.engine import PlanSummary, Result, dry_run, open_study, run_study
from pruneviz.study.store import Store
from pruneviz.study.study import Study

__all__ = [
    "Event",
    "Listener",
    "PlanSummary",
    "Result",
    "Store",
    "Study",
    "dry_run",
    "open_study",
    "run_study",
]
