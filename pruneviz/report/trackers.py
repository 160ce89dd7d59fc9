"""A study's runs for the trackers of experiments that people already use.

Each run that is done becomes one of the tracker's: its settings as parameters, its numbers as results, its history step
by step. Nothing is sent anywhere: everything is written into a folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import PrunevizError, UsageError, unknown
from pruneviz.core.tables import HISTORY, RUNS
from pruneviz.views import runs as on
from pruneviz.views.text import plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

SETTINGS = tuple(RUNS.names[: RUNS.names.index("accuracy")])  # what was asked; what follows was measured
_MEASURED = tuple(c.name for c in RUNS.columns if c.name not in SETTINGS and c.type in ("int", "float"))
_COURSE = tuple(c.name for c in HISTORY.columns if c.name not in ("run_id", "epoch", "step"))


@dataclass(frozen=True)
class Tracked:
    """A run as trackers see it.

    Attributes:
        name: readable, unique within the study.
        settings: what was asked, as texts and numbers.
        results: what was measured.
        course: of its own training: steps done so far, with what was measured there.
    """

    name: str
    settings: dict[str, str | float]
    results: dict[str, float]
    course: tuple[tuple[int, dict[str, float]], ...]


@dataclass(frozen=True)
class Tracker:
    """A tracker of experiments.

    Attributes:
        package: what is imported.
        extra: of pruneviz, which installs it.
        write: writes a study's runs into a folder.
        look: the command that shows them.
    """

    package: str
    extra: str
    write: Callable[[str, Iterator[Tracked], Path], None]
    look: Callable[[Path], str]


def track(study: Tables, tracker: str, folder: Path) -> int:
    """Write the runs of a study that are done for a tracker; returns how many.

    Args:
        study: a study of a store.
        tracker: ``mlflow``, ``wandb`` or ``tensorboard``.
        folder: made where there is none; must be empty, since trackers add to what is there.

    Raises:
        PrunevizError: the tracker is not installed.
        UsageError: there is no such tracker, or the folder is not empty.
    """
    if tracker not in TRACKERS:
        raise unknown("--to", tracker, TRACKERS)
    about = TRACKERS[tracker]
    try:
        importlib.import_module(about.package)
    except ImportError:
        raise PrunevizError(
            f"--to {tracker}: {about.package} is not installed. Install it: pip install 'pruneviz[{about.extra}]'."
        ) from None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"-o: got {str(folder)!r}, which is there already; allowed: a new or an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    runs = list(tracked(study))
    about.write(plain(study.name), iter(runs), folder.resolve())
    return len(runs)


def tracked(study: Tables) -> Iterator[Tracked]:
    """The runs of a study that are done, in its order; missing numbers are left out."""
    runs = study.runs
    history = study.table("history")
    by_run = {str(r): g for r, g in history.groupby("run_id", sort=False, observed=True)}
    for row in runs[(runs["status"] == "done").fillna(False).astype(bool)].to_dict("records"):
        run_id = str(row["run_id"])
        settings = {k: v if isinstance(v, (int, float)) else plain(v) for k in SETTINGS if not on.missing(v := row[k])}
        course = by_run[run_id].to_dict("records") if run_id in by_run else []
        steps = tuple((int(r["step"]), _numbers(r, _COURSE)) for r in course)
        yield Tracked(plain(row["name"]), settings, _numbers(row, _MEASURED), steps)


def _numbers(row: Any, names: tuple[str, ...]) -> dict[str, float]:
    return {k: float(row[k]) for k in names if not on.missing(row[k]) and np.isfinite(float(row[k]))}


def _to_mlflow(study: str, runs: Iterator[Tracked], folder: Path) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment(study, artifact_location=(folder / "artifacts").as_uri())
    for run in runs:
        run_id = client.create_run(experiment, run_name=run.name).info.run_id
        metrics = [Metric(k, v, 0, step) for step, numbers in run.course for k, v in numbers.items()]
        metrics += [Metric(f"results.{k}", v, 0, 0) for k, v in run.results.items()]
        params = [Param(k, str(v)) for k, v in run.settings.items()]
        for i in range(0, max(len(metrics), 1), 900):  # as many as one call may bring
            client.log_batch(run_id, metrics[i : i + 900], params if i == 0 else [], [])
        client.log_batch(run_id, tags=[RunTag("pruneviz.run_id", str(run.settings["run_id"]))])
        client.set_terminated(run_id)


def _to_wandb(study: str, runs: Iterator[Tracked], folder: Path) -> None:
    import wandb

    quiet = {"silent": True, "console": "off", "disable_git": True, "disable_code": True}
    own = {
        "x_disable_stats": True,
        "x_disable_meta": True,
        "x_save_requirements": False,
    }  # this process made none of it
    settings = wandb.Settings(mode="offline", **quiet, **own)
    for run in runs:
        about = {"project": study[:120], "name": run.name, "id": str(run.settings["run_id"]), "config": run.settings}
        with wandb.init(dir=str(folder), settings=settings, **about) as logged:
            for step, numbers in run.course:
                logged.log(numbers, step=step)
            logged.summary.update(run.results)
    wandb.teardown()  # waits until all is on the disk


def _to_tensorboard(study: str, runs: Iterator[Tracked], folder: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for run in runs:
        place = "".join(c if c.isalnum() or c in " ._-=()" else "-" for c in run.name).strip(". ")
        with SummaryWriter(str(folder / place)) as writer:
            for step, numbers in run.course:
                for name, value in numbers.items():
                    writer.add_scalar(f"training/{name}", value, step)
            results = {f"results/{k}": v for k, v in run.results.items()}
            writer.add_hparams(dict(run.settings), results, run_name=".")


TRACKERS = {
    "mlflow": Tracker(
        "mlflow", "mlflow", _to_mlflow, lambda f: f"mlflow ui --backend-store-uri sqlite:///{f.resolve()}/mlflow.db"
    ),
    "wandb": Tracker("wandb", "wandb", _to_wandb, lambda f: f"wandb sync {f}/wandb/offline-run-*"),
    "tensorboard": Tracker(
        "torch.utils.tensorboard", "tensorboard", _to_tensorboard, lambda f: f"tensorboard --logdir {f}"
    ),
}
