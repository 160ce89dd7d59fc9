"""A study made of random numbers that behave like real ones, for whatever needs tables and no training.

Everything follows from the arguments. Rows of samples and layers are made when asked for, so that a study of
1,000 runs and 10,000 samples costs nothing until somebody looks.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pruneviz.core.masks import LayerWeights
from pruneviz.core.tables import HISTORY, LAYERS, RUNS, SAMPLES, TIMINGS
from pruneviz.study.store import Store
from pruneviz.study.workspace import Workspace

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(2)</script>$$\\frac{1}{2}$$ 'quoted\" & long " + "x" * 60

METHODS = (
    "random",
    "magnitude",
    "gradient",
    "taylor",
    "snip",
    "filter-l1",
    "filter-l2",
    "bn-scale",
    "global-mp",
    "erk",
)
# How much accuracy a method costs: at density d the error rises by harm · (1 − d)^4 of what is there to lose.
HARM = (0.9, 0.25, 0.45, 0.2, 0.22, 0.5, 0.48, 0.55, 0.21, 0.6)
SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (10, 84))
POSITIONS = (576, 64, 1, 1, 1)
CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot")


@dataclass(eq=False)
class SyntheticTables:
    """Implements :class:`pruneviz.core.tables.Tables`.

    Attributes:
        models: how many architectures.
        replicates: dense models of each.
        methods: how many of :data:`METHODS`; 0 for dense models alone.
        sparsities: the targets.
        recoveries: of each pruned model.
        seeds: nested in each dense model, for runs that depend on one.
        samples, class_count: of the test split.
        retrained: whether each dense model is there trained on, too (method ``dense``, recovery ``finetune``).
        failed, waiting: how many of the last pruned runs have that status.
        hostile: whether names hold HTML.
        extra_layers: layers beyond LeNet's five.
        unmeasured: columns that are null throughout.
        landed: of the runs, how many have landed so far; the rest wait. ``None`` for all.
    """

    models: int = 1
    replicates: int = 3
    methods: int = 5
    sparsities: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
    recoveries: tuple[str, ...] = ("none", "finetune")
    seeds: int = 1
    samples: int = 400
    class_count: int = 10
    retrained: bool = True
    failed: int = 0
    waiting: int = 0
    hostile: bool = False
    long_names: bool = False
    extra_layers: int = 0
    unmeasured: tuple[str, ...] = ()
    landed: int | None = None
    study: str = "synthetic"

    # -- what Tables asks for

    @property
    def name(self) -> str:
        return f"{self.study} {HOSTILE}" if self.hostile else self.study

    @property
    def version(self) -> object:
        return self.landed

    def land(self, count: int) -> None:
        """Let so many runs be done, as a running study does."""
        self.landed = count

    @cached_property
    def workspace(self) -> Workspace:
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Workspace(Store.create(folder), "synthetic")

    @property
    def runs(self) -> pd.DataFrame:
        if self.landed is None:
            return self._all_runs.copy()
        rows = self._rows[: self.landed] + [_waiting(r) for r in self._rows[self.landed :]]
        return RUNS.frame(rows)

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        if name == "runs":
            frame = self.runs
            return frame if run_ids is None else frame[frame["run_id"].isin(list(run_ids))].reset_index(drop=True)
        make = {"layers": self._layers, "samples": self._samples, "timings": self._timings, "history": self._history}
        schema = {"layers": LAYERS, "samples": SAMPLES, "timings": TIMINGS, "history": HISTORY}[name]
        done = [r for r in self._rows[: self.landed] if r["status"] == "done"]
        wanted = done if run_ids is None else [r for r in done if r["run_id"] in set(run_ids)]
        frames = [make[name](r) for r in wanted]
        if not frames:
            return schema.frame([])
        texts = [c.name for c in schema.columns if c.type == "str"]
        return pd.concat(frames, ignore_index=True).astype(dict.fromkeys(texts, "category"))  # as out of Parquet

    @property
    def classes(self) -> tuple[str, ...]:
        names = CLASSES[: self.class_count] + tuple(f"class {i}" for i in range(len(CLASSES), self.class_count))
        if self.hostile:
            names = (HOSTILE, SCRIPT, *names[2:])
        return names[: self.class_count]

    def pictures(self, sample_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        at = {s: i for i, s in enumerate(self._ids)}
        out = np.zeros((len(sample_ids), 28, 28, 1), np.uint8)
        y, x = np.mgrid[0:28, 0:28]
        for i, s in enumerate(sample_ids):
            k = at[s]
            shape = np.cos((x - 14) * (1 + self._labels[k]) / 9) * np.cos((y - 14) * (1 + k % 7) / 9)
            bright = 1 - y / 40  # so that up and down differ
            out[i, :, :, 0] = np.clip((128 + 127 * shape * (np.hypot(x - 14, y - 14) < 13)) * bright, 0, 255)
        return out

    def weights(self, run_id: str, layer: str) -> LayerWeights | None:
        """As many of a layer's weights are kept as its table says: the largest."""
        own = self._layers(next(r for r in self._rows if r["run_id"] == run_id))
        row = own[own["layer"] == layer].iloc[0]
        shape = tuple(int(n) for n in str(row["shape"]).split("×"))
        values = np.random.default_rng(len(layer)).normal(size=shape).astype(np.float32)
        order = np.argsort(-np.abs(values).reshape(-1))
        kept = np.zeros(values.size, bool)
        kept[order[: int(row["kept"])]] = True
        return LayerWeights(values, kept.reshape(shape))

    def findings(self) -> dict[str, tuple[str, ...]]:
        """As the sentences of analyses."""
        return {"prediction_changes": ("Pruning flips more than retraining does.",)} if self._rows else {}

    def unfit(self) -> dict[str, str]:
        """As analyses left out; none here."""
        return {}

    def options_of(self, analysis: str) -> dict[str, Any]:
        """As the options of analyses; none here."""
        return {}

    def tables_of(self, analysis: str) -> list[str]:
        """As the analyses' tables; none here."""
        return []

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": self.name, "prune": {"methods": list(METHODS[: self.methods])}}

    @property
    def environment(self) -> dict[str, Any]:
        return {"python": "3.11", "torch": "2.13.0"}

    # -- how it is made

    @cached_property
    def _ids(self) -> list[str]:
        return [f"photos/{HOSTILE}/{i}.png" if self.hostile else f"test:{i}" for i in range(self.samples)]

    @cached_property
    def _labels(self) -> npt.NDArray[np.int64]:
        return np.arange(self.samples, dtype=np.int64) % max(self.class_count, 1)

    @cached_property
    def _all_runs(self) -> pd.DataFrame:
        return RUNS.frame(self._rows)

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        rows = list(self._planned())
        same = ("model", "replicate", "target", "recovery", "seed")
        controls = {tuple(r[k] for k in same): r["run_id"] for r in rows if r["method"] == "random"}
        for r in rows:
            if r["method"] not in ("dense", "random"):
                r["control_run_id"] = controls.get(tuple(r[k] for k in same))
        pruned = [i for i, r in enumerate(rows) if r["method"] != "dense"]
        for n, i in enumerate(reversed(pruned)):
            if n < self.failed:
                why = f"Diverged: the loss became NaN at step 12 {HOSTILE if self.hostile else ''}".strip()
                rows[i] = {**_waiting(rows[i]), "status": "failed", "reason": why}
            elif n < self.failed + self.waiting:
                rows[i] = _waiting(rows[i])
        return [{k: (None if k in self.unmeasured else v) for k, v in r.items()} for r in rows]

    def _planned(self) -> Iterator[dict[str, Any]]:
        for m in range(self.models):
            model = f"lenet5-{m}" if self.models > 1 else "lenet5"
            if self.hostile:
                model = f"{HOSTILE}{m}"
            if self.long_names:
                model = f"a-model-with-a-rather-long-name-that-somebody-chose-for-their-network-{m}"
            for rep in range(self.replicates):
                dense = self._row(model, rep, "dense", "none", None, None, 0, None)
                yield dense
                if self.retrained:
                    yield self._row(model, rep, "dense", "finetune", None, 0, 0, dense["run_id"])
                for k in range(self.methods):
                    for target in self.sparsities:
                        for recovery in self.recoveries:
                            for seed in range(self.seeds if recovery != "none" or METHODS[k] == "random" else 1):
                                yield self._row(model, rep, METHODS[k], recovery, target, seed, k, dense["run_id"])

    def _row(
        self,
        model: str,
        rep: int,
        method: str,
        recovery: str,
        target: float | None,
        seed: int | None,
        k: int,
        dense: str | None,
    ) -> dict[str, Any]:
        parts = [f"{model}/{rep}", method, f"{target:g}" if target else "", recovery if recovery != "none" else ""]
        name = " ".join(p for p in parts if p) + (f" seed {seed}" if self.seeds > 1 and seed is not None else "")
        run_id = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
        rng = _rng(run_id)
        channel = method.startswith(("filter", "bn"))
        density = 1.0 if target is None else (1 - target) ** (1.6 if channel else 1.0)
        total = self._parameters
        kept = int(total * density)
        base = 0.91 - 0.02 * (int(model[-1]) if model[-1].isdigit() else 0) + 0.004 * np.sin(3 * rep)
        harm = HARM[k] if method != "dense" else 0.0
        healed = 0.35 if recovery == "finetune" else 1.0
        accuracy = 0.1 + (base - 0.1) * (1 - harm * healed * (1 - density) ** 4) + rng.normal(0, 0.004)
        accuracy = round(accuracy * self.samples) / max(self.samples, 1)
        macs = int(416_000 * (0.2 + 0.8 * density)) if density < 1 else 416_000
        return {
            "run_id": run_id,
            "name": name,
            "parent_run_id": dense,
            "dense_run_id": dense or run_id,
            "model": model,
            "replicate": rep,
            "method": method,
            "unit": None if method == "dense" else "channel" if channel else "weight",
            "recovery": recovery,
            "level": 0 if method == "dense" else 1,
            "seed": seed,
            "target": "" if target is None else f"{target:g}",
            "sparsity_target": target,
            "sparsity_achieved": 0.0 if target is None else target,
            "accuracy": accuracy,
            "loss": 0.25 + 3 * (base - accuracy),
            "balanced_accuracy": accuracy,
            "worst_class_accuracy": accuracy - 0.2,
            "worst_class": self.classes[min(6, self.class_count - 1)],
            "val_accuracy": float(np.clip(accuracy + rng.normal(0, 0.003), 0, 1)),
            "val_loss": 0.26 + 3 * (base - accuracy),
            "parameters": total + 236,
            "parameters_prunable": total,
            "parameters_nonzero": kept + 236,
            "parameters_cut": kept + 150 if channel else None,
            "density": kept / total,
            "macs_dense": 416_000,
            "macs": macs,
            "macs_cut": macs if channel else None,
            "bytes": 4 * (kept if channel else total),
            "bytes_compressed": 4 * kept + total // 8,
            "train_steps": 0 if recovery == "none" else 160,
            "train_steps_total": 800 if recovery == "none" else 960,
            "status": "done",
        }

    @property
    def _parameters(self) -> int:
        return sum(int(np.prod(s)) for _, s, _ in self._layer_list)

    @cached_property
    def _layer_list(self) -> list[tuple[str, tuple[int, ...], int]]:
        names = ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "fc3.weight"]
        if self.hostile:
            names[1] = HOSTILE
        found = list(zip(names, SHAPES, POSITIONS, strict=True))
        extra = [(f"stage{i // 4}.block{i % 4}.conv.weight", (32, 32, 3, 3), 49) for i in range(self.extra_layers)]
        return found[:2] + extra + found[2:]

    def _layers(self, row: dict[str, Any]) -> pd.DataFrame:
        rng, rows = _rng(row["run_id"] + "layers"), []
        for i, (name, shape, positions) in enumerate(self._layer_list):
            size = int(np.prod(shape))
            density = row["density"] if row["density"] >= 1 else row["density"] ** float(rng.uniform(0.4, 1.6))
            kept = 0 if row["density"] < 0.06 and i == 2 and row["method"] == "snip" else int(size * density)
            rows.append(
                {
                    "run_id": row["run_id"],
                    "layer": name,
                    "index": i,
                    "kind": "conv" if len(shape) == 4 else "linear",
                    "shape": "×".join(map(str, shape)),
                    "parameters": size,
                    "kept": kept,
                    "density": kept / size,
                    "channels": shape[0],
                    "channels_kept": min(shape[0], kept),
                    "macs": kept * positions,
                    "l2_norm": float(np.sqrt(kept) * 0.05),
                }
            )
        return LAYERS.frame(rows)

    def _samples(self, row: dict[str, Any]) -> pd.DataFrame:
        """Every image has a difficulty that all models share, so that models mostly fail on the same ones."""
        n, classes = self.samples, max(self.class_count, 2)
        own = _rng(row["run_id"] + "samples")
        shared, family = _rng("difficulty"), _rng(row["dense_run_id"])
        difficulty = shared.normal(0, 1, n) + 0.4 * family.normal(0, 1, n) + 0.35 * own.normal(0, 1, n)
        difficulty += 0.5 * (self._labels % 10 == 6) * (1 - row["density"])
        right = np.zeros(n, bool)
        right[np.argsort(difficulty)[: round(row["accuracy"] * n)]] = True
        other = (self._labels + 1 + (shared.integers(0, classes - 1, n) % (classes - 1))) % classes
        margin = np.where(right, 1, -1) * (0.05 + np.abs(3 - 1.5 * difficulty + 0.2 * own.normal(size=n)))
        confidence = np.clip(1 / (1 + np.exp(-np.abs(margin))), 1 / classes, 1)
        true_probability = np.where(right, confidence, (1 - confidence) / 2)
        return pd.DataFrame(
            {
                "run_id": pd.array([row["run_id"]] * n, dtype="string"),
                "sample_id": pd.array(self._ids, dtype="string"),
                "label": pd.array(self._labels, dtype="Int64"),
                "prediction": pd.array(np.where(right, self._labels, other), dtype="Int64"),
                "loss": -np.log(np.maximum(true_probability, 1e-6)),
                "confidence": confidence,
                "margin": margin,
            }
        )

    def _timings(self, row: dict[str, Any]) -> pd.DataFrame:
        rng = _rng(row["run_id"] + "timings")
        variants = ["masked", "cut"] if row["unit"] == "channel" else ["masked" if row["unit"] else "dense"]
        rows = []
        for variant in variants:
            median = 4e-4 * (0.3 + 0.7 * row["density"] if variant == "cut" else 1) * float(rng.uniform(0.95, 1.05))
            latency = {"median_s": median, "low_s": 0.97 * median, "high_s": 1.05 * median}
            fixed = {
                "run_id": row["run_id"],
                "kind": "latency",
                "batch": 1,
                "threads": 1,
                "device": "cpu",
                "repeats": 200,
            }
            rows.append({**fixed, "variant": variant, **latency})
        return TIMINGS.frame(rows)

    def _history(self, row: dict[str, Any]) -> pd.DataFrame:
        steps = range(1, 1 + (0 if row["recovery"] == "none" else 2))
        rows = [
            {
                "run_id": row["run_id"],
                "epoch": e,
                "step": 80 * e,
                "lr": 0.01,
                "train_loss": 0.5 / e,
                "val_loss": 0.4 / e,
            }
            for e in steps
        ]
        return HISTORY.frame(rows)


def _waiting(row: dict[str, Any]) -> dict[str, Any]:
    """The row as it stands before the run is done: what the plan knows, and nothing measured."""
    known = (
        "run_id",
        "name",
        "parent_run_id",
        "dense_run_id",
        "control_run_id",
        "model",
        "replicate",
        "method",
        "unit",
    )
    known += ("recovery", "level", "seed", "target", "sparsity_target")
    return {**{k: row.get(k) for k in known}, "status": "waiting"}


def _rng(text: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))


def empty() -> SyntheticTables:
    """A study in which nothing has been planned."""
    return SyntheticTables(replicates=0, samples=0)
