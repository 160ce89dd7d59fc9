"""The diagrams: what was seen, by dense model and load, and of all dense models together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Schema, Tables
from pruneviz.measures.regimes import ADVICE, normalised, regime
from pruneviz.measures.statistics import standard_error, t_interval
from pruneviz_analyses.three_regime.schemas import CELLS, MODELS, PAIRS, RETRAINED
from pruneviz_analyses.three_regime.temperature import ranks, spec_of, temperature_of

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz_analyses.three_regime import ThreeRegime

VALIDATION, TRAIN = "validation", "train"
_CELL = ["dense_run_id", "method", "recovery", "target", "level"]


def seen(tables: Tables, schema: Schema) -> pd.DataFrame:
    """A table of what was seen; without rows where nothing was seen yet."""
    try:
        return with_texts(tables.table(schema.name), schema)
    except KeyError:
        return schema.frame([])


def with_texts(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The frame with its texts as plain ones, not as a store's categories, which cannot be compared."""
    return frame.astype({c.name: "string" for c in schema.columns if c.type == "str"})


def models_frame(tables: Tables, options: ThreeRegime) -> pd.DataFrame:
    """The table of dense models and loads."""
    retrained, pairs = seen(tables, RETRAINED), seen(tables, PAIRS)
    if retrained.empty:
        return MODELS.frame([])
    at = temperature_of(spec_of(tables.spec), options.temperature, options.hotter)
    rank = ranks([p.value for p in at.places.values()], at.hotter)
    known = {str(r["run_id"]): r for r in retrained.to_dict("records")}
    runs = tables.runs
    done = runs[(runs["status"] == "done") & runs["run_id"].isin(list(known))]
    judged = judged_by(runs)
    rows = []
    for key, own in done.groupby(_CELL, sort=False):
        first: Mapping[Any, Any] = own.iloc[0].to_dict()
        place = at.places.get(str(first["model"]))
        ids = [str(r) for r in own["run_id"] if _finite(known[str(r)]["train_error"])]
        if place is None or not ids:
            continue
        fine = [r for r in ids if known[r]["train_error"] < options.collapsed * known[r]["guess_error"]]
        used = own[own["run_id"].isin(fine)]
        lines = pairs[pairs["run_id"].isin(fine) & pairs["other_run_id"].isin(fine)]
        lines = lines[np.isfinite(lines["lmc"].to_numpy(float))]
        train = _mean([float(known[r]["train_error"]) for r in fine])
        row: dict[str, Any] = {
            "run_id": str(key[0]),
            "diagram": " · ".join((place.family, str(first["method"]), str(first["recovery"]))),
            "temperature": place.value,
            "rank": rank[place.value],
            "target": str(first["target"]),
            "density": float(first["density"]),
            "replicate": int(first["replicate"]),
            "retrainings": len(fine),
            "collapsed": len(ids) - len(fine),
            "pairs": len(lines),
            "lmc": _mean(lines["lmc"].to_numpy(float)),
            "cka": _mean(lines["cka_unbiased" if options.unbiased else "cka"].to_numpy(float)),
            "train_error": train,
            "error": 1 - _mean(used["val_accuracy"].to_numpy(float)) if judged == VALIDATION else train,
            "test_error": 1 - _mean(used["accuracy"].to_numpy(float)),
            "run_ids": " ".join(str(r) for r in own["run_id"]),
        }
        row["regime"] = regime(row["lmc"], row["cka"], barrier=options.barrier, similar=options.similar)
        rows.append(row)
    return MODELS.frame(rows)


def judged_by(runs: pd.DataFrame) -> str:
    """The split whose error is compared: the test split never is."""
    done = runs[runs["status"] == "done"]
    return VALIDATION if len(done) and np.isfinite(done["val_accuracy"].to_numpy(float)).all() else TRAIN


def judged_images(tables: Tables) -> int | None:
    """How many images the errors compared are of; None where the study does not know yet."""
    if judged_by(tables.runs) == VALIDATION:
        return tables.data.get("counts", {}).get("val") or None
    counts = seen(tables, RETRAINED)["images"].dropna()
    return int(counts.min()) if len(counts) else None


def cells_frame(tables: Tables, models: pd.DataFrame, options: ThreeRegime) -> pd.DataFrame:
    """The table of cells: every dense model weighs the same."""
    if models.empty:
        return CELLS.frame([])
    judged, images = judged_by(tables.runs), judged_images(tables)
    setting = temperature_of(spec_of(tables.spec), options.temperature, options.hotter).name
    runs = tables.runs.set_index("run_id")
    rows: list[dict[str, Any]] = []
    for key, own in models.groupby(["diagram", "target", "rank"], sort=False):
        first: Mapping[Any, Any] = own.iloc[0].to_dict()
        diagram = str(key[0])
        run = runs.loc[str(first["run_ids"]).split(" ")[0]]
        ends = {}
        for name in ("lmc", "cka"):
            values = own[name].to_numpy(float)
            values = values[np.isfinite(values)]
            over = t_interval(values, varied="dense models") if len(values) else None
            ends[name] = over.mean if over is not None else math.nan
            if over is not None and over.shown:
                ends |= {f"{name}_low": over.low, f"{name}_high": over.high}
        found = regime(ends["lmc"], ends["cka"], barrier=options.barrier, similar=options.similar)
        rows.append(
            {
                "diagram": diagram,
                "model": diagram.removesuffix(f" · {run['method']} · {run['recovery']}"),
                "method": str(run["method"]),
                "recovery": str(run["recovery"]),
                "setting": setting,
                "temperature": float(first["temperature"]),
                "rank": int(first["rank"]),
                "target": str(first["target"]),
                "density": float(own["density"].mean()),
                "dense_models": int(np.isfinite(own["lmc"].to_numpy(float)).sum()),
                **{name: int(own[name].sum()) for name in ("retrainings", "collapsed", "pairs")},
                **ends,
                **{name: _mean(own[name].to_numpy(float)) for name in ("train_error", "error", "test_error")},
                "judged": judged,
                "judged_images": images,
                "error_se": float(standard_error(_mean(own["error"].to_numpy(float)), images)) if images else None,
                "barrier": options.barrier,
                "similar": options.similar,
                "regime": found,
                "agreeing": int((own["regime"] == found).sum()) if found else 0,
                "advice": ADVICE[found],
                "run_ids": " ".join(own["run_ids"]),
            }
        )
    frame = CELLS.frame(rows)
    for _, at in frame.groupby(["diagram", "target"]).groups.items():
        frame.loc[at, "normalised_error"] = normalised(frame.loc[at, "error"].to_numpy(float)[:, None])[:, 0]
    order = {t: i for i, t in enumerate(dict.fromkeys(frame.sort_values("density", ascending=False)["target"]))}
    frame = frame.assign(place=frame["target"].map(order)).sort_values(["diagram", "place", "rank"], kind="stable")
    return frame.drop(columns="place").reset_index(drop=True)


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))


def _mean(values: Any) -> float:
    """The mean of what is known; NaN where nothing is."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else math.nan
