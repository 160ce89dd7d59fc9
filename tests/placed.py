"""A synthetic study whose images have places, neighbours and changes, as the analysis ``embeddings`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from synthetic import SyntheticTables

from pruneviz.measures.embedding import nearest_samples, neighbourhood_change

NEIGHBOURS = 6


@dataclass(eq=False)
class PlacedTables(SyntheticTables):
    """Classes are clouds around a circle; the less a run keeps, the further its images have wandered.

    Attributes:
        looked_at: how many of the images have places: the first ones.
        lacking: how many of the last runs have none.
    """

    looked_at: int = 400
    lacking: int = 0

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        if not name.startswith("embeddings"):
            return super().table(name, run_ids)
        found = self._embedded[name]
        return found if run_ids is None else found[found["run_id"].isin(list(run_ids))]

    def places(self, run_id: str) -> np.ndarray:
        row = next(r for r in self._rows if r["run_id"] == run_id)
        n = min(self.looked_at, self.samples)
        rng = np.random.default_rng(int(run_id[:8], 16))
        angle = 2 * np.pi * self._labels[:n] / max(self.class_count, 1)
        shared = np.random.default_rng(1).normal(size=(n, 2))
        centre = 6 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return centre + shared + (1.5 * (1 - row["density"]) + 0.1) * rng.normal(size=(n, 2))

    @cached_property
    def _embedded(self) -> dict[str, pd.DataFrame]:
        done = [r for r in self._rows if r["status"] == "done"]
        done = done[: len(done) - self.lacking]
        n = min(self.looked_at, self.samples)
        ids = np.array(self._ids[:n], dtype=object)
        places = {r["run_id"]: self.places(r["run_id"]) for r in done}
        near = {r: nearest_samples(p, NEIGHBOURS)[0] for r, p in places.items()}
        samples = [pd.DataFrame({"run_id": r, "sample_id": ids, "x": p[:, 0], "y": p[:, 1]}) for r, p in places.items()]
        neighbours = [
            pd.DataFrame(
                {
                    "run_id": r,
                    "sample_id": np.repeat(ids, NEIGHBOURS),
                    "rank": np.tile(np.arange(1, NEIGHBOURS + 1), n),
                    "neighbour_id": ids[k.reshape(-1)],
                    "distance": 1.0,
                }
            )
            for r, k in near.items()
        ]
        rows, changes = [], []
        for r in done:
            if r["run_id"] == r["dense_run_id"] or r["dense_run_id"] not in near:
                continue
            change = neighbourhood_change(near[r["dense_run_id"]], near[r["run_id"]])
            changes.append(pd.DataFrame({"run_id": r["run_id"], "sample_id": ids, "change": change}))
            kind = "retrained" if r["method"] == "dense" else "pruned"
            about = {"run_id": r["run_id"], "kind": kind, "samples": n, "change": change.mean()}
            control = r.get("control_run_id") if r.get("control_run_id") in near else None
            arm = f"{r['model']} · {r['method']} · {r['recovery']} · {r['target']}"
            rows.append({**about, "arm": arm, "retrained_run_id": None, "control_run_id": control})
        first = next(iter(places), "")
        seen = pd.DataFrame({"run_id": list(places), "anchor_run_id": first, "by": "PCA", "samples": n})
        frames = {"embeddings_samples": samples, "embeddings_neighbours": neighbours, "embeddings_changes": changes}
        whole = {k: pd.concat(v, ignore_index=True).astype({"run_id": "category"}) for k, v in frames.items()}
        return {**whole, "embeddings_seen": seen, "embeddings": pd.DataFrame(rows)}
