"""The Python front door: ask for a study, run it, open it.

::

    import pruneviz as pv
    study = pv.new_study(model=net, data=(train_set, test_set), methods=["random", "magnitude"],
                     sparsities=[0.5, 0.9], recoveries=["none", "finetune"]).run("runs/mine")
    study.runs            # a pandas DataFrame, one row per model
    study.explorer()      # the linked views, inline in a notebook
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import SpecError, UsageError, located
from pruneviz.core.spec import Choice, StudySpec, load_study, place_of, study_from_plain

if TYPE_CHECKING:
    from pruneviz.core.analysis import Analysis
    from pruneviz.report import Layout, ReportSummary
    from pruneviz.study import Listener, PlanSummary, Result, Study


@dataclass(frozen=True)
class Asked:
    """A study that was asked for and not yet run.

    Attributes:
        spec: what is asked.
        live: objects given in Python, by the name that the spec uses for them.
        origin: where it was asked, for messages: the study file.
    """

    spec: StudySpec
    live: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""

    def __repr__(self) -> str:
        # Data and models given in Python would fill pages.
        models = ", ".join(m.label for m in self.spec.models)
        methods = ", ".join(c.name for c in self.spec.methods)
        return f"<Asked: study {self.spec.name!r} of {models}{methods and f' by {methods}'}, not yet run>"

    def run(
        self,
        store: str | os.PathLike[str] | None = None,
        *,
        workers: int | None = None,
        executor: str | None = None,
        device: str = "auto",
        listener: Listener | None = None,
    ) -> Study:
        """Carry out whatever is not in the store yet, and return the study with its tables.

        Args:
            store: a folder; ``runs/NAME`` when absent.
            workers: processes of the ``local`` executor.
            executor: ``inline`` (the default here: no guard of the main module is needed) or ``local``.
            device: ``auto``, ``cpu`` or ``cuda``.
            listener: told of every step; progress is shown on stderr when absent.

        Raises:
            PrunevizError: something cannot be done; nothing that was finished is lost.
        """
        from pruneviz import progress

        with contextlib.ExitStack() as stack:
            if listener is None:
                listener = stack.enter_context(progress.shown(self.spec.name))
            ways: dict[str, Any] = {"workers": workers, "executor": executor or "inline", "device": device}
            return self.result(store, **ways, listener=listener).study

    def result(
        self,
        store: str | os.PathLike[str] | None = None,
        *,
        workers: int | None = None,
        executor: str | None = None,
        device: str = "auto",
        listener: Listener | None = None,
        only: str = "",
    ) -> Result:
        """Like :meth:`run`, with how it ended: steps made and reused, failures with their reasons.

        ``only`` names the one analysis that is carried out, on the runs that are there.
        """
        from pruneviz.study import run_study

        analyses, unfit = self._analyses()
        return run_study(
            self.spec,
            store if store is not None else Path("runs") / self.spec.name,
            analyses=analyses,
            unfit=unfit,
            workers=workers,
            executor=executor,
            device=device,
            live=self.live,
            listener=listener,
            origin=self.origin,
            only=only,
        )

    def _analyses(self) -> tuple[tuple[Analysis, ...], dict[str, str]]:
        """Those asked for; of a comparison also those that it can have besides, and why it cannot have the others."""
        with located(self.origin):
            asked = analyses_of(self.spec, self.live)
            if self.spec.compare is None or not self.spec.compare.others:
                return asked, {}
            from pruneviz.study.suiting import suited
            from pruneviz_analyses import names, resolve

            named = {a.name for a in asked}
            others = tuple(resolve(Choice(n, {}), "[analyses]") for n in names() if n not in named)
            fit, unfit = suited(self.spec, self.live, others)
            return (*asked, *fit), unfit

    def dry_run(
        self,
        store: str | os.PathLike[str] | None = None,
        *,
        workers: int | None = None,
        executor: str | None = None,
        only: str = "",
    ) -> PlanSummary:
        """What it would take; checks everything, trains and writes nothing. ``only`` is as for :meth:`result`."""
        from pruneviz.study import dry_run

        ways: dict[str, Any] = {"workers": workers, "executor": executor, "only": only}
        analyses, _ = self._analyses()
        return dry_run(self.spec, store, analyses=analyses, live=self.live, origin=self.origin, **ways)


def analyses_of(spec: StudySpec, live: Mapping[str, Any] | None = None) -> tuple[Analysis, ...]:
    """The analyses that a study asks for, with their options.

    Args:
        spec: what is asked.
        live: functions given in Python by name, for options that are ``memory:NAME``.

    Raises:
        SpecError: a name or an option is not allowed.
    """
    from pruneviz_analyses import resolve

    return tuple(resolve(choice, f"[analyses] {choice.name}", live) for choice in spec.analyses)


def read_study(source: str | os.PathLike[str], *, settings: Sequence[str] = (), quick: bool = False) -> Asked:
    """Read a study file.

    Args:
        source: a TOML file, or the name of a study that ships, whose data are looked for from the current folder on.
        settings: ``key=value`` laid over it, such as ``train.epochs=3``.
        quick: run its ``[quick]`` variant.

    Raises:
        UsageError: the file cannot be read, or says something that is not allowed.
    """
    from pruneviz.shipped import find_study, studies

    path = find_study(os.fspath(source))
    ours = path.resolve() in {s.path.resolve() for s in studies()}
    folder = Path.cwd() if ours else None  # nobody keeps data inside the package
    return Asked(load_study(path, settings, quick, folder), origin=place_of(path, settings, quick))


WHERE = "pv.new_study"


def new_study(
    model: Any,
    data: Any,
    *,
    methods: Sequence[Any],
    sparsities: Sequence[Any],
    recoveries: Sequence[Any] = ("none",),
    seeds: int = 1,
    train: Mapping[str, Any] | None = None,
    analyses: Sequence[str] | Mapping[str, Mapping[str, Any]] = (),
    name: str = "study",
    model_name: str = "model",
    data_options: Mapping[str, Any] | None = None,
    prune_options: Mapping[str, Any] | None = None,
    measure: Mapping[str, Any] | None = None,
) -> Asked:
    """Ask for a study, with modules and data sets in memory or sources by name.

    Args:
        model: a ``torch.nn.Module`` with its trained weights, a list of them (one per seed of the dense training:
            the unit of replication), or a source such as ``"sample:lenet5-fashion"``.
        data: ``(train, test)`` torch Datasets or ``(images, labels)`` arrays, a test Dataset alone, or a source such
            as ``"sample:fashion"``.
        methods: names, or dictionaries such as ``{"name": "taylor", "allocation": "uniform"}``.
        sparsities: such as ``0.9``, ``"90%"``, ``"20x"``, ``{"macs": 0.5}``.
        recoveries: names, dictionaries, or your own function of (model, mask keeper, data, budget).
        seeds: repeats nested in each dense model.
        train: values of ``[train]``; recoveries start from them.
        analyses: names, or options by name; a function among the options is used as it is, in this process.
        name: the study's name in its store.
        model_name: how a model given in memory is called.
        data_options: further values of ``[data]``, such as ``{"val_fraction": 0.2}``.
        prune_options: further values of ``[prune]``.
        measure: values of ``[measure]``.

    Raises:
        SpecError: something is not allowed, with its place.
    """
    live: dict[str, Any] = {}
    if isinstance(model, str):
        model_table: dict[str, Any] = {"source": model}
    else:
        live[model_name] = model
        count = len(model) if isinstance(model, (list, tuple)) else 1
        model_table = {"source": f"memory:{model_name}", "name": model_name, "replicates": count}
    if isinstance(data, str):
        source = data
    else:
        live["data"], source = data, "memory:data"
    if "data" in live and model_name == "data":
        raise SpecError("model_name", model_name, "any name but 'data'")
    given = dict(analyses) if isinstance(analyses, Mapping) else {k: {} for k in _several(analyses, "analyses")}
    table = {
        "name": name,
        "model": model_table,
        "data": {"source": source, **_table_of(data_options, "data_options")},
        "train": _table_of(train, "train"),
        "prune": {
            "methods": _several(methods, "methods"),
            "sparsities": _several(sparsities, "sparsities"),
            "seeds": seeds,
            **_table_of(prune_options, "prune_options"),
        },
        "recover": {"recoveries": [_recovery(r, live) for r in _several(recoveries, "recoveries")]},
        "measure": _table_of(measure, "measure"),
        "analyses": {name: _given(options, live) for name, options in given.items()},
    }
    return Asked(study_from_plain(table, WHERE), live, WHERE)


def _several(value: Any, name: str) -> list[Any]:
    """The items of an argument; a text is one item that lacks its brackets."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise SpecError(f"{WHERE}: {name}", value, "a list", f"Write [{value!r}].")
    return list(value)


def _table_of(value: Any, name: str) -> dict[str, Any]:
    """The entries of an argument that is a dictionary or None."""
    if value is not None and not isinstance(value, Mapping):
        raise SpecError(f"{WHERE}: {name}", value, "a dictionary of options, or None")
    return dict(value or {})


def _recovery(value: Any, live: dict[str, Any]) -> Any:
    if not callable(value):
        return value
    return {"name": "custom", "function": _kept(value, live, "recoveries")}


def _given(value: Any, live: dict[str, Any]) -> Any:
    """Options of an analysis, the functions among them named."""
    if isinstance(value, Mapping):
        return {k: _given(v, live) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_given(v, live) for v in value]
    return _kept(value, live, "analyses") if callable(value) else value


def _kept(function: Callable[..., Any], live: dict[str, Any], where: str) -> str:
    """The name under which a function is given to the study."""
    label = getattr(function, "__name__", type(function).__name__)
    if label in live:
        raise SpecError(where, label, f"a function with another name than {', '.join(sorted(live))}")
    live[label] = function
    return f"memory:{label}"


def open_store(store: str | os.PathLike[str], name: str | None = None) -> Study:
    """A study of a store; the latest when no name is given. Nothing that the study names is imported or run.

    Raises:
        StoreError: there is no store, no study, or none of that name.
    """
    from pruneviz.study import open_study

    if not str(store):
        raise UsageError("store: got an empty path; allowed: the folder of a store.")
    return open_study(store, name)


def write_report(
    study: Study,
    path: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    layout: str | os.PathLike[str] | Layout | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> ReportSummary:
    """Write a study's story as a file: ``.html``, ``.pdf``, ``.md`` or ``.tex``, as the path's ending says.

    Args:
        study: of a store; nothing that it names is imported.
        path: the file; one that is there is replaced.
        models: names or ids of the runs to compare, 16 at most beside the reference; the first dense model among them
            is the reference. Chosen by rule when absent, without looking at the test split.
        layout: a TOML file of your own words, models, selection and sections, or the same made in Python.
        progress: told what is being done.

    Raises:
        UsageError: another ending, a run that cannot be compared, or a mistake in the layout.
        PrunevizError: a file cannot be written.
    """
    from pruneviz import report
    from pruneviz_analyses import ANALYSES

    own = layout if isinstance(layout, report.Layout) else report.read_layout(layout) if layout else report.Layout()
    file = "" if layout is None or isinstance(layout, report.Layout) else Path(layout).name
    references = {name: analysis.reference for name, analysis in ANALYSES.items()}
    return report.write_report(study, path, report.Wanted(models, own, file, references, progress))
