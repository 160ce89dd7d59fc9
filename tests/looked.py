"""Studies whose runs, and what was seen of their models, a test decides; for pictures as well."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from pruneviz.core.options import to_plain
from pruneviz.core.tables import RUNS
from pruneviz.models import examine
from pruneviz_analyses.effective_sparsity import schemas as effective_sparsity
from pruneviz_analyses.layer_sensitivity import schemas as layer_sensitivity
from pruneviz_analyses.mask_checks import schemas as mask_checks
from pruneviz_analyses.similarity import schemas as similarity


@dataclass(eq=False)
class Looked:
    """Runs, and tables of what was seen: implements :class:`pruneviz.core.tables.Tables` as far as is asked."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)  # options of analyses
    name: str = "looked"
    classes: tuple[str, ...] = tuple("abcdefghij")

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)

    def options_of(self, analysis):
        return self.asked.get(analysis, {})

    def table(self, name, run_ids=None):
        if name not in self.frames:
            raise KeyError(name)
        frame = self.frames[name].copy()
        texts = [c for c in frame if frame[c].dtype == "string"]
        return frame.astype(dict.fromkeys(texts, "category"))  # as out of Parquet

    def add(self, run_id, method="dense", *, dense=None, recovery="none", target="0.9", level=1, seed=None, **more):
        pruned = method != "dense"
        row = {"run_id": run_id, "name": run_id, "dense_run_id": dense or run_id, "model": "net", "method": method}
        row |= {"recovery": recovery, "seed": seed, "level": level if pruned else 0, "status": "done"}
        row |= {"target": target if pruned else None, "unit": "weight" if pruned else None, "replicate": 0}
        row |= {"density": 1 - float(target) if pruned and target.replace(".", "").isdigit() else 1.0, "accuracy": 0.9}
        self.rows.append({**row, **more})
        return self

    def seen(self, schema, rows):
        """Give a table of what was seen."""
        self.frames[schema.name] = schema.frame(rows)
        return self

    def analysed(self, analysis):
        """The same study with what the analysis measures of it."""
        self.frames |= analysis.measure(self)
        self.asked[analysis.name] = to_plain(analysis)
        return self

    def said(self, analysis):
        return analysis.findings(self, analysis.measure(self))


def model(net, mask=None, run_id="r", shape=(1, 4, 4), n=40, classes=3, seed=0):
    """A model as an analysis sees it, with random images."""
    rng = np.random.default_rng(seed)

    def split(count):
        images = rng.normal(size=(count, *shape)).astype(np.float32)
        labels = np.arange(count) % classes
        return SimpleNamespace(images=images, labels=labels, ids=np.arange(count), __len__=lambda: count)

    example = torch.zeros(1, *shape)
    data = SimpleNamespace(
        test=split(n),
        val=split(n),
        train=split(n),
        classes=tuple("abc"),
        name="random",
        preprocess=lambda x, device=None: torch.as_tensor(x),
    )
    info = examine(net, example, classes)
    return SimpleNamespace(
        run_id=run_id, net=net.eval(), mask=mask, info=info, data=data, example=example, device="cpu"
    )


def layered(models=5, seeds=2, fall=0.3, noise=0.02, seed=0, constant=False):
    """Each dense model retrained, and pruned with so much lower a CKA; two layers."""
    rng, study, rows = np.random.default_rng(seed), Looked(), []

    def say(run, reference, means):
        for i, mean in enumerate(means):
            for j in range(2):
                value = mean + noise * rng.normal() if i == j else 0.1
                value = np.nan if constant and i == 1 and run == "p00" else value
                row = {"run_id": run, "reference_run_id": reference, "layer": f"l{i}", "reference_layer": f"l{j}"}
                row |= {"index": i, "reference_index": j, "cka": value, "constant": bool(np.isnan(value))}
                rows.append({**row, "images": 100, "unbiased": True})

    for d in range(models):
        study.add(f"d{d}")
        for s in range(seeds):
            study.add(f"r{d}{s}", dense=f"d{d}", recovery="ft", seed=s)
            study.add(f"p{d}{s}", "magnitude", dense=f"d{d}", recovery="ft", seed=s)
            say(f"r{d}{s}", f"d{d}", (0.95, 0.9))
            say(f"p{d}{s}", f"d{d}", (0.95, 0.9 - fall))
    for a, b in itertools.combinations(range(models), 2):
        say(f"d{b}", f"d{a}", (0.8, 0.7))
    return study.seen(similarity.SEEN, rows)


def overlapping(rng, models=5, draw=None, sizes=((300, 60, 40), (2000, 100, 300))):
    """Two methods' masks of each dense model: drawn blindly, unless the test draws."""
    study, rows = Looked(), []
    for d in range(models):
        study.add(f"d{d}").add(f"a{d}", "magnitude", dense=f"d{d}").add(f"b{d}", "random", dense=f"d{d}")
        for i, (n, a, b) in enumerate(sizes):
            both = rng.hypergeometric(a, n - a, b) if draw is None else draw(n, a, b)
            row = {"run_id": f"b{d}", "reference_run_id": f"a{d}", "relation": "methods", "layer": f"l{i}"}
            rows.append({**row, "units": n, "kept": b, "reference_kept": a, "both": int(both)})
    return study.seen(similarity.MASKS, rows)


def scored(models=5):
    study, rows, rng = Looked(), [], np.random.default_rng(0)
    for d in range(models):
        study.add(f"d{d}")
        for pair, rho in ((("a", "b"), 0.5), (("b", "b"), 0.9)):
            for layer in (None, "l0", "l1"):
                value = rho + 0.01 * rng.normal()
                row = {"run_id": f"d{d}", "criterion": pair[0], "other": pair[1], "unit": "weight", "layer": layer}
                rows.append({**row, "units": 10, "spearman": value, "kendall": value / 2})
    return study.seen(similarity.SCORES, rows)


def curves(models=5, seed=0, hurt=0.3):
    """Layer ``a`` falls by ``hurt`` at 0.5 and more at 0.9, layer ``b`` by nothing; random pruning hurts both."""
    rng, found, rows = np.random.default_rng(seed), Looked(), []
    falls = {("magnitude", "a"): hurt, ("magnitude", "b"): 0.0, ("random", "a"): 0.5, ("random", "b"): 0.4}
    for d in range(models):
        found.add(f"d{d}")
        for (criterion, layer), fall in falls.items():
            for sparsity, share in ((0.0, 0.0), (0.5, 1.0), (0.9, 1.5)):
                row = {"run_id": f"d{d}", "criterion": criterion, "unit": "weight", "layer": layer}
                row |= {"index": "ab".index(layer), "sparsity": sparsity, "achieved": sparsity, "units": 100}
                noise = 0.005 * rng.normal() if sparsity else 0.0
                accuracy = 0.9 - share * fall + noise
                rows.append({**row, "split": "val", "images": 50, "accuracy": accuracy, "loss": 1 - accuracy})
    return found.seen(layer_sensitivity.SEEN, rows)


def cut_off(models=5, cut=(10, 40), seed=0):
    """Of 1,000 weights each run keeps 100; of the methods ``cut`` are cut off, about."""
    rng, found, rows = np.random.default_rng(seed), Looked(), []
    for d in range(models):
        found.add(f"d{d}").add(f"r{d}", "random", dense=f"d{d}")
        found.add(f"m{d}", "magnitude", dense=f"d{d}", control_run_id=f"r{d}")
        for run, off in zip((f"m{d}", f"r{d}"), cut, strict=True):
            gone = off + int(rng.integers(-3, 4)) if 0 < off < 100 else off
            for at, share in enumerate((0.4, 0.6)):
                row = {"run_id": run, "layer": f"l{at}", "index": at, "weights": int(1000 * share)}
                row |= {"kept": int(100 * share), "unfed": 0, "unheard": 0}
                rows.append({**row, "connected": row["kept"] - (gone if at else 0) * (off < 100)})
                if off == 100:
                    rows[-1]["connected"] = 0
    return found.seen(effective_sparsity.SEEN, rows)


def checked(models=5, seeds=1, gap=0.1, noise=0.01, seed=0, base=0.8):
    """Of magnitude a shuffled mask is worse by ``gap``; drawing anew changes nothing, nor does either of random."""
    rng, study, rows = np.random.default_rng(seed), Looked(), []
    for d in range(models):
        study.add(f"d{d}")
        for s in range(seeds):
            study.add(f"r{d}{s}", "random", dense=f"d{d}", seed=s)
            study.add(f"m{d}{s}", "magnitude", dense=f"d{d}", seed=s, control_run_id=f"r{d}{s}")
            for run, loss in ((f"m{d}{s}", gap), (f"r{d}{s}", 0.0)):
                for variant, fall in (("original", 0.0), ("shuffled", loss), ("reinitialised", 0.0)):
                    value = base - fall + noise * rng.normal()
                    row = {"run_id": run, "variant": variant, "repeat": 0, "epochs": 3, "accuracy": value}
                    rows.append({**row, "loss": 1 - value, "accuracy_before": 0.1})
    return study.seen(mask_checks.SEEN, rows)


def contested(models=6, gap=0.05, seed=0):
    """Four methods at one cost, each better than the one before by ``gap``; dense models differ by much more."""
    rng, study = np.random.default_rng(seed), Looked()
    for d in range(models):
        study.add(f"d{d}", train_steps_total=2000)
        base = 0.6 + 0.1 * rng.normal()
        for at, method in enumerate(("random", "magnitude", "lamp", "taylor")):
            own = {"control_run_id": f"random{d}"} if at else {}
            own |= {"accuracy": base + at * gap + 0.01 * rng.normal(), "train_steps_total": 3000, "recovery": "ft"}
            study.add(f"{method}{d}", method, dense=f"d{d}", sparsity_target=0.9, sparsity_achieved=0.9, **own)
    return study
