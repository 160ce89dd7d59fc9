"""A study as people read it: tables out of a store, complete or still growing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import unknown
from pruneviz.core.masks import LayerWeights
from pruneviz.core.selection import Selection
from pruneviz.core.tables import GIVEN, HISTORY, LAYERS, RUNS, SAMPLES, SCHEMAS, TIMINGS, Schema
from pruneviz.core.viewstate import ViewState
from pruneviz.study.record import RunRecord, runs_of
from pruneviz.study.store import Artifact, Store
from pruneviz.study.tensors import load_mask, load_numbers, load_table, texts_in
from pruneviz.study.workspace import Saved, Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

_MEASURED = {c.name for c in RUNS.columns}


class Study:
    """What a store holds of one study; implements :class:`pruneviz.core.tables.Tables`.

    Reading never imports or runs anything that the study names.
    """

    def __init__(self, store: Store, name: str) -> None:
        """Open a study of a store.

        Raises:
            StoreError: the store holds no such study.
        """
        self.store = store
        self._name = name
        self._load(store.read_study(name))

    def _load(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._runs: dict[str, RunRecord] = {r.run_id: r for r in runs_of(record)}
        self._frames: dict[tuple[str, str], Any] = {}
        self._told: dict[Path, frozenset[str]] = {}
        self._pictures: tuple[Any, dict[str, int]] | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self._name

    @property
    def spec(self) -> dict[str, Any]:
        """The study as asked, as plain data."""
        return dict(self._record["spec"])

    @property
    def version(self) -> tuple[int, int, int, tuple[str, ...]]:
        """Changes whenever runs have been asked for, landed or failed since, or analyses are done; cheap to ask for."""
        self.refresh()
        finished = sum(self._artifact(r) is not None for r in self._runs.values())
        failures = len(list((self.store.root / "failures").glob("*.json")))
        return len(self._runs), finished, failures, tuple(self._record.get("analyses", {}).values())

    def refresh(self) -> None:
        """Read the study's record again, should it have been extended meanwhile."""
        record = self.store.read_study(self._name)
        if record != self._record:
            self._load(record)

    def _artifact(self, run: RunRecord) -> Artifact | None:
        return self.store.get(run.measure)

    @property
    def runs(self) -> pd.DataFrame:
        """The table :data:`pruneviz.core.tables.RUNS`: every planned run, with its status."""
        return RUNS.frame([self._row(r) for r in self._runs.values()])

    def _row(self, run: RunRecord) -> dict[str, Any]:
        row = dict(run.row)
        measured = self._artifact(run)
        if measured is None:
            failures = ((k, self.store.failure(k)) for k in (*run.lineage, run.measure))
            reason = next((f["reason"] for _, f in failures if f is not None), None)
            if reason is None and self.store.damaged(run.measure):
                reason = "what was measured of it is damaged in the store. Run the study again to make it anew."
            return row | {"status": "waiting" if reason is None else "failed", "reason": reason}
        row |= {k: v for k, v in measured.meta.items() if k in _MEASURED}
        steps = [self._steps(k) for k in self._walked(run)]
        own = [self._steps(k) for k in run.own]
        known = run.own and self._record["spec"].get("compare") is None
        row["train_steps"] = sum(s or 0 for s in own) if known else steps[0]
        row["train_steps_total"] = sum(s for s in steps if s is not None) if None not in steps else None
        row["sparsity_achieved"] = self._achieved(run)
        return row | {"status": "done", "reason": None}

    def _walked(self, run: RunRecord) -> tuple[str, ...]:
        """Its lineage from the weights with which it began; the dense model's training after those is another's."""
        found = [self.store.get(key) for key in run.lineage]
        begun = [i for i, artifact in enumerate(found) if artifact is not None and artifact.kind == "start"]
        return run.lineage[begun[-1] if begun else 0 :]

    def _steps(self, key: str) -> int | None:
        found = self.store.get(key)
        return found.meta.get("steps") if found is not None else None

    def _achieved(self, run: RunRecord) -> float | None:
        achieved = 0.0
        for key in run.own:
            found = self.store.get(key)
            if found is not None and "sparsity_achieved" in found.meta:
                achieved = found.meta["sparsity_achieved"]
        return achieved

    def warnings(self) -> dict[str, tuple[str, ...]]:
        """What pruning and measuring warned of (a layer left empty, say), by run id."""
        found: dict[str, tuple[str, ...]] = {}
        for run_id, run in self._runs.items():
            artifacts = (self.store.get(k) for k in (*run.own, run.measure))
            texts = tuple(w for a in artifacts if a is not None for w in a.meta.get("warnings", ()))
            if texts:
                found[run_id] = texts
        return found

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """A table by name, of the given runs or of all that are done.

        Args:
            name: ``runs``, ``layers``, ``samples``, ``timings``, ``history``, or a table of an analysis.
            run_ids: the runs wanted, in this order; None for all.

        Raises:
            KeyError: there is no such table, or no such run.
        """
        if run_ids is not None and (unknown := [r for r in run_ids if r not in self._runs]):
            raise KeyError(f"study {self._name!r} has no run {unknown[0]!r}")
        if name == "runs":
            rows = [self._row(self._runs[r]) for r in (run_ids if run_ids is not None else self._runs)]
            return RUNS.frame(rows)
        wanted = [self._runs[r] for r in (run_ids if run_ids is not None else self._runs)]
        if name in _PARTS:
            return self._gathered(_PARTS[name], wanted)
        tables = self.analysis_tables()
        if name in tables:
            return self._analysed(tables[name], run_ids)
        raise KeyError(f"study {self._name!r} has no table {name!r}; it has {', '.join(self.table_names())}")

    def _analysed(self, paths: Sequence[Path], run_ids: Sequence[str] | None) -> pd.DataFrame:
        """An analysis's table out of its files; of some runs, those files alone that tell of them are read whole."""
        parts = []
        for path in paths:
            told = self._told_of(path) if run_ids is not None else frozenset()
            if run_ids is None or not told:
                parts.append(load_table(path))
            elif told.intersection(run_ids):
                parts.append(load_table(path, runs=None if told <= set(run_ids) else run_ids))
        parts = parts or [load_table(paths[0]).slice(0, 0)]
        frame: pd.DataFrame = _joined(parts).to_pandas()
        return frame

    def _told_of(self, path: Path) -> frozenset[str]:
        """The runs that a file of an analysis has rows of; empty where its rows are about none. Files never change."""
        if path not in self._told:
            self._told[path] = texts_in(path, "run_id")
        return self._told[path]

    def table_names(self) -> list[str]:
        """The tables there are, those of analyses included."""
        given = [GIVEN.name] if self._record["spec"].get("compare") is not None else []
        return [*SCHEMAS, *given, *self.analysis_tables()]

    def analysis_tables(self) -> dict[str, list[Path]]:
        """The Parquet files of the analyses' tables, by table name: of their own, and of what they observed."""
        observed = (key for name in self._record.get("observations", {}) for key in self.observed(name))
        found: dict[str, list[Path]] = {}
        for key in (*self._record.get("analyses", {}).values(), *observed):
            artifact = self.store.get(key)
            for file in artifact.files if artifact is not None else ():
                found.setdefault(file.removesuffix(".parquet"), []).append(self.store.folder(key) / file)
        return found

    def observed(self, analysis: str) -> list[str]:
        """Keys of the finished steps in which an analysis looked at models."""
        return [k for k in self._record.get("observations", {}).get(analysis, ()) if self.store.get(k) is not None]

    def tables_of(self, analysis: str) -> list[str]:
        """The names of an analysis's tables, those of what it observed included."""
        keys = (self._record.get("analyses", {}).get(analysis, ""), *self.observed(analysis))
        found = (self.store.get(k) for k in keys if k)  # observations of one analysis may make different tables
        return list(dict.fromkeys(f.removesuffix(".parquet") for a in found if a is not None for f in a.files))

    def options_of(self, analysis: str) -> Mapping[str, Any]:
        """With which options an analysis made the tables that it has now; empty where it has none."""
        key = self._record.get("analyses", {}).get(analysis)
        options: dict[str, Any] = self.store.described(key).get("params", {}).get("options", {}) if key else {}
        return options

    def unfit(self) -> dict[str, str]:
        """Analyses that the models compared cannot have, with the reason, by name; empty for other studies."""
        return dict(self._record.get("unfit", {}))

    def findings(self) -> dict[str, tuple[str, ...]]:
        """The sentences of each analysis, by its name."""
        artifacts = {n: self.store.get(k) for n, k in self._record.get("analyses", {}).items()}
        return {n: tuple(a.meta.get("findings", ())) for n, a in artifacts.items() if a is not None}

    def _gathered(self, schema: Schema, runs: Sequence[RunRecord]) -> pd.DataFrame:
        import pyarrow as pa

        parts = []
        for run in runs:
            for key in self._sources(schema, run):
                part = self._part(schema, key)
                if part is not None and part.num_rows:
                    places = pa.repeat(pa.scalar(0, pa.int32()), part.num_rows)
                    ids = pa.DictionaryArray.from_arrays(places, pa.array([run.run_id]))
                    parts.append(part.set_column(part.schema.get_field_index("run_id"), "run_id", ids))
        if schema is TIMINGS:
            parts += self._walls(runs)
        if not parts:
            return schema.frame([])
        return _to_pandas(_joined(parts), schema)

    def _sources(self, schema: Schema, run: RunRecord) -> tuple[str, ...]:
        if schema is TIMINGS:
            return (run.latency,) if run.latency else ()
        if schema is HISTORY:
            return run.own or run.lineage[:1]
        if schema is GIVEN:
            return run.lineage[:1]
        return (run.measure,)

    def _part(self, schema: Schema, key: str) -> Any:
        if (schema.name, key) not in self._frames:
            artifact = self.store.get(key)
            if artifact is None:
                return None
            file = f"{schema.name}.parquet"
            found = load_table(artifact.path(file)) if file in artifact.files else None
            if schema is SAMPLES:
                return found  # large: whoever looks at samples keeps what they look at
            self._frames[schema.name, key] = found
        return self._frames[schema.name, key]

    def _walls(self, runs: Sequence[RunRecord]) -> list[Any]:
        import pyarrow as pa

        rows = []
        for run in runs:
            for key in (*(run.own or run.lineage[:1]), run.measure):
                found = self.store.get(key)
                if found is not None:
                    seconds = {"median_s": found.wall_s, "low_s": found.wall_s, "high_s": found.wall_s}
                    about = {"kind": "wall", "variant": found.kind, "threads": 1, "repeats": 1}
                    device = found.environment.get("device")
                    rows.append({"run_id": run.run_id, **about, "batch": None, "device": device, **seconds})
        return [pa.Table.from_pylist(rows, schema=TIMINGS.arrow())] if rows else []

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of their numbers; empty until the data were read."""
        return tuple(self.data.get("classes", ()))

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data: name, size, counts per split, content digest; empty until they were read."""
        found = self.store.get(self._record["pictures"])
        return {**found.meta, "digest": self._record["data"]} if found is not None else {}

    def pictures(self, sample_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Test images as shown to people, (n, height, width, channels).

        Raises:
            KeyError: an id is not in the study's test split.
        """
        import numpy as np

        if self._pictures is None:
            path = self.store.need(self._record["pictures"]).path("pictures.npz")
            with np.load(path, allow_pickle=False) as f:
                ids = {str(i): n for n, i in enumerate(f["ids"])}
                self._pictures = f["images"], ids
        images, places = self._pictures
        found: npt.NDArray[np.uint8] = images[[places[s] for s in sample_ids]]
        return found

    def weights(self, run_id: str, layer: str) -> LayerWeights | None:
        """A layer of a run, without building its model; None where the store does not hold it.

        Args:
            run_id: the run.
            layer: the parameter's name, as in the table ``layers``.

        Raises:
            KeyError: the study has no such run.
        """
        import numpy as np

        from pruneviz.study.execute import MASK, WEIGHTS

        if run_id not in self._runs:
            raise KeyError(f"study {self._name!r} has no run {run_id!r}")
        made = [a for a in map(self.store.get, reversed(self._runs[run_id].lineage)) if a is not None]
        whole = next((a for a in made if WEIGHTS in a.files), None)  # a mask alone leaves the weights before it
        values = load_numbers(whole.path(WEIGHTS), layer) if whole is not None else None
        if values is None:
            return None
        masked = next((a for a in made if MASK in a.files), None)
        mask = load_mask(masked.path(MASK)) if masked is not None else {}
        return LayerWeights(values, mask[layer] if layer in mask else np.ones(values.shape, bool))

    @property
    def workspace(self) -> Workspace:
        """The selections and views that people save with the study."""
        return Workspace(self.store, self._name)

    @property
    def selections(self) -> Saved[Selection]:
        """The saved selections by name, as a dictionary that may be changed: the explorer and notebooks share them."""
        kept = self.workspace
        return Saved(Selection, lambda: kept.selections, kept.save_selection, kept.delete_selection)

    @property
    def views(self) -> Saved[ViewState]:
        """The saved views by name, as a dictionary that may be changed."""
        kept = self.workspace
        return Saved(ViewState, lambda: kept.views, kept.save_view, kept.delete_view)

    def select(self, selection: Selection | str) -> tuple[str, ...]:
        """The ids of the runs or test samples that a selection means.

        Args:
            selection: a rule, or the name of a saved selection.

        Raises:
            SpecError: it names what the study does not have.
        """
        from pruneviz.views.selecting import chosen

        saved = self.workspace.selections
        if isinstance(selection, str):
            if selection not in saved:
                raise unknown("selection", selection, saved or ("a rule, since none is saved",))
            selection = saved[selection]
        return chosen(selection, self, saved)

    @property
    def environment(self) -> dict[str, Any]:
        """What it was made with; ``mixed`` is true where finished runs come from different environments."""
        seen: list[dict[str, Any]] = []
        for run in self._runs.values():
            found = self._artifact(run)
            if found is not None and dict(found.environment) not in seen:
                seen.append(dict(found.environment))
        return {**(seen[0] if seen else {}), "mixed": len(seen) > 1, "all": seen}

    @property
    def failed(self) -> dict[str, str]:
        """Why runs failed, by run id."""
        rows = (self._row(r) for r in self._runs.values())
        return {r["run_id"]: r["reason"] for r in rows if r["status"] == "failed"}

    def remove(self, run_ids: Sequence[str]) -> int:
        """Delete runs and every step that no other run of the store needs; returns the bytes freed.

        The study file still names them: running it again makes them again.

        Raises:
            KeyError: the study has no such run.
        """
        if unknown := [r for r in run_ids if r not in self._runs]:
            raise KeyError(f"study {self._name!r} has no run {unknown[0]!r}")
        gone = {k for r in run_ids for k in self._keys(self._runs[r])}
        kept: set[str] = set()
        for name in self.store.studies():
            for run in runs_of(self.store.read_study(name)):
                if name != self._name or run.run_id not in run_ids:
                    kept |= self._keys(run)
        return self.store.remove(sorted(gone - kept))

    @staticmethod
    def _keys(run: RunRecord) -> set[str]:
        return {*run.lineage, run.measure, *([run.latency] if run.latency else [])}

    def explorer(self) -> Any:
        """The explorer, inline in a notebook.

        Raises:
            PrunevizError: the app's package is not installed.
        """
        from importlib.metadata import entry_points

        from pruneviz.core.errors import PrunevizError

        found = entry_points(group="pruneviz.explorer")
        if not found:
            raise PrunevizError("the explorer's package pruneviz_apps is not installed. Install pruneviz again.")
        return next(iter(found)).load()(self)

    def __repr__(self) -> str:
        states = [self._row(r)["status"] for r in self._runs.values()]
        counts = ", ".join(f"{states.count(s)} {s}" for s in ("done", "failed", "waiting") if s in states)
        return f"<Study {self._name!r} in {self.store.root}: {counts or 'no runs'}>"


_PARTS = {s.name: s for s in (LAYERS, SAMPLES, TIMINGS, HISTORY, GIVEN)}


_SAMPLE_IDS = ("sample_id", "neighbour_id")


def _joined(parts: Sequence[Any]) -> Any:
    """Arrow tables one below the other: text as categories, but for ids of samples, which are seldom the same."""
    import pyarrow as pa

    whole = pa.concat_tables(parts, promote_options="permissive")
    for name in set(_SAMPLE_IDS).intersection(whole.column_names):
        column = whole.column_names.index(name)
        whole = whole.set_column(column, name, whole[name].cast(pa.string()))
    return whole.unify_dictionaries()


def _to_pandas(table: Any, schema: Schema) -> pd.DataFrame:
    """An Arrow table as pandas, with the declared columns and nullable whole numbers."""
    frame = table.select(schema.names).to_pandas()
    whole = {c.name: "Int64" for c in schema.columns if c.type == "int" and frame[c.name].isna().any()}
    found: pd.DataFrame = frame.astype(whole) if whole else frame
    return found
