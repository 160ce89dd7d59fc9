"""Stores for the explorer's benchmark: real ones on disk, their numbers those of ``tests/synthetic.py``.

    python benchmarks/_stores.py FOLDER [--runs 1000] [--samples 10000] [--places]

makes one to look at: ``pruneviz app FOLDER``. With ``--places`` every image also has a place among the others, as the
analysis ``embeddings`` writes it, for the scatters of the page Samples.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from synthetic import SyntheticTables

from pruneviz.core.tables import LAYERS, RUNS, SAMPLES
from pruneviz.study.store import Store

SIDE = 8  # pixels: a million images of 28 would be most of the store
_PLANNED = 15  # columns of the runs table that the plan knows, `sparsity_target` the last


def synthetic(runs: int, samples: int) -> SyntheticTables:
    """A study of about so many runs: five dense models, up to ten methods, each at ten sparsities."""
    dense = 5 if runs >= 50 else 1
    methods = min(10, max(1, runs // dense // 20))
    levels = max(1, round((runs / dense - 2) / methods / 2))
    sparsities = tuple(float(s) for s in np.linspace(0.5, 0.98, levels).round(3))
    return SyntheticTables(replicates=dense, methods=methods, sparsities=sparsities, samples=samples)


def write_store(folder: Path, runs: int, samples: int, places: bool) -> Path:
    """Write a study of so many runs and test samples, the way that steps write theirs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables, store = synthetic(runs, samples), Store.create(folder)
    ids = pa.array(tables._ids)
    here = pa.DictionaryArray.from_arrays(pa.array(np.arange(samples, dtype=np.int32)), ids)

    def table(frame: Any, schema: Any) -> Any:
        """As Arrow, the samples' ids made once and not for every run."""
        whole = pa.Table.from_pandas(frame.drop(columns="sample_id", errors="ignore"), preserve_index=False)
        if "sample_id" in schema.names:
            whole = whole.append_column("sample_id", here)
        return whole.select(schema.names).cast(schema.arrow())

    def put(key: str, kind: str, files: dict[str, Any], meta: dict[str, Any] | None = None) -> str:
        def write(path: Path) -> dict[str, Any]:
            for name, made in files.items():
                pq.write_table(made, path / f"{name}.parquet", compression="zstd")
            return meta or {}

        return store.put(_key(key), kind, write, described={}, environment={"torch": "2.13.0"}).key

    records, observed = [], []
    for row in tables._rows:
        run = row["run_id"]
        measured = {k: v for k, v in row.items() if k in RUNS.names[_PLANNED:] and k not in ("status", "reason")}
        files = {"samples": table(tables._samples(row), SAMPLES), "layers": table(tables._layers(row), LAYERS)}
        steps = {"steps": row["train_steps"], "sparsity_achieved": row["sparsity_achieved"]}
        own = put(f"{run} own", "prune", {}, steps)
        known = {k: row.get(k) for k in RUNS.names[:_PLANNED] if k != "sparsity_achieved"}
        record = {"run_id": run, "row": known, "measure": put(run, "measure", files, measured), "latency": None}
        records.append({**record, "own": [own], "lineage": [own]})
        if places:
            observed.append(put(f"{run} places", "observe", _places(row, tables, table)))
    analysis = put("embeddings", "analysis", {}, {"findings": []})
    store.write_study(
        "synthetic",
        {
            "spec": {"name": "synthetic", "prune": {"methods": ["magnitude"]}},
            "data": "",
            "pictures": store.put(_key("pictures"), "pictures", _images(tables), described={}, environment={}).key,
            "fitted": {},
            "unfit": {},
            "observations": {"embeddings": observed} if places else {},
            "analyses": {"embeddings": analysis} if places else {},
            "runs": records,
            "steps": [],
        },
    )
    return folder


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _places(row: dict[str, Any], tables: SyntheticTables, table: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Classes as clouds around a circle; the less a run keeps, the further its images have wandered."""
    import pandas as pd

    from pruneviz_analyses.embeddings.schemas import SAMPLES as PLACES
    from pruneviz_analyses.embeddings.schemas import SEEN

    n = tables.samples
    rng, shared = np.random.default_rng(int(row["run_id"][:8], 16)), np.random.default_rng(1)
    angle = 2 * np.pi * tables._labels / tables.class_count
    places = 6 * np.stack([np.cos(angle), np.sin(angle)]) + shared.normal(size=(2, n))
    places += (1.5 * (1 - row["density"]) + 0.1) * rng.normal(size=(2, n))
    seen = {"run_id": row["run_id"], "by": "PCA", "samples": n, "samples_all": n}
    frame = pd.DataFrame({"run_id": row["run_id"], "x": places[0], "y": places[1]})
    return {"embeddings_samples": table(frame, PLACES), "embeddings_seen": table(SEEN.frame([seen]), SEEN)}


def _images(tables: SyntheticTables) -> Callable[[Path], dict[str, Any]]:
    def write(path: Path) -> dict[str, Any]:
        images = np.random.default_rng(0).integers(0, 256, (tables.samples, SIDE, SIDE, 1), dtype=np.uint8)
        np.savez(path / "pictures.npz", images=images, ids=np.array(tables._ids))
        return {"classes": list(tables.classes), "name": "synthetic"}

    return write


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--places", action="store_true")
    asked = parser.parse_args()
    print(write_store(asked.folder, asked.runs, asked.samples, asked.places))
