"""What retrain_correlation found, in sentences that claim no more than their numbers allow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz.measures.rank_correlation import WEAK
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.retrain_correlation import verdicts
from pruneviz_analyses.retrain_correlation.cells import enough_relabellings
from pruneviz_analyses.retrain_correlation.correlating import EXPECTED, read
from pruneviz_analyses.retrain_correlation.schemas import CELLS, MODELS, RANKINGS, RETRAINED
from pruneviz_analyses.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz_analyses.retrain_correlation import RetrainCorrelation

ENOUGH_EPOCHS = 30  # of the published retraining
_NAMES = {"test_accuracy": "final test accuracy", "test_loss": "final test loss", "train_loss": "final train loss"}


def findings(asked: RetrainCorrelation, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Layer by layer, then what holds for all of them, then the methods' rankings, then what was left out."""
    models, cells = frames[MODELS.name], frames[CELLS.name]
    said = [*_cells(cells), *(_caveats(asked, models, cells) if len(cells) else ())]
    said += [*_rankings(frames[RANKINGS.name]), *_left_out(asked, tables, models)]
    return tuple(said) or ("Nothing to correlate has been measured yet.",)


def _cells(cells: pd.DataFrame) -> Iterator[str]:
    several = cells["model"].nunique() > 1
    for (model, layer, ratio), own in cells.groupby(["model", "layer", "ratio"], sort=False):
        rows = {str(r["outcome"]): r for r in own.to_dict("records")}
        first = rows["test_accuracy"]
        where = f"{model}, {layer} at {ratio:g}" if several else f"{layer} at {ratio:g}"
        if first["verdict"] == verdicts.TOO_FEW:
            yield f"{where}: {counted(first['retrained'], 'set')} of filters retrained so far, too few to rank."
            continue
        if first["verdict"] == verdicts.ALIKE:
            yield f"{where}: the {first['retrained']} sets of filters retrained end equally accurate: nothing to rank."
            continue
        text = f"{where}: τ of pruned train loss with {_NAMES['test_accuracy']} = {_told(first)}"
        loss = rows["train_loss"]
        text += f". With {_NAMES['train_loss']} τ = {_told(loss)}"
        better = "The set of least loss has no result"
        if math.isfinite(first["anomaly_ratio"]):
            share = _percent(first["anomaly_ratio"])
            better = f"{share} of the sets retrained end more accurate than that of least loss"
        scale = f"{first['retrained']} of {first['subsets']} sets, {counted(first['repeats'], 'repeat')}"
        yield f"{text}. {better} ({scale})."


def _told(row: Mapping[Any, Any]) -> str:
    n = row["dense_models"]
    if math.isfinite(row["tau_low"]):
        among = f"in {n} dense models (95 % interval {_number(row['tau_low'])} … {_number(row['tau_high'])})"
    elif n == 1:
        among = "in 1 dense model"
    else:
        among = f"in {n} dense models ({_number(row['tau_least'])} … {_number(row['tau_most'])})"
    known = math.isfinite(row["ceiling"])
    ceiling = f"noise ceiling {_number(row['ceiling'])}" if known else "noise ceiling unknown without repeats"
    return f"{_number(row['tau'])} {among}, {ceiling}: {_verdict(row)}"


def _verdict(row: Mapping[Any, Any]) -> str:
    said = str(row["verdict"])
    weak = abs(row["tau"]) <= WEAK or row["tau"] * EXPECTED[str(row["outcome"])] < 0
    if said in (verdicts.FOUND, verdicts.PARTLY, verdicts.AGAINST) and not math.isfinite(row["tau_low"]):
        hits = row["found"] if said != verdicts.AGAINST else row["against"]
        said = f"{said.removesuffix(' in some dense models')} in {hits} of {row['tested']}"
        if row["found"] and row["against"]:
            said += f", the other way in {row['against']}"
    if said.startswith("detected") and weak:
        said += ", weak by the paper's measure"
    return said


def _caveats(asked: RetrainCorrelation, models: pd.DataFrame, cells: pd.DataFrame) -> Iterator[str]:
    tested = models[(models["outcome"] == "test_accuracy") & models["p"].notna()]
    if len(tested):
        published, ours = int((tested["p_published"] <= 0.05).sum()), int((tested["p"] <= 0.05).sum())
        yield (
            f"Of {counted(len(tested), 'test')} with final test accuracy, the published p-value calls {published} "
            f"significant at 5 %, relabelling the filters {ours}, and {int((tested['p_holm'] <= 0.05).sum())} after "
            "Holm's correction: sets of filters share filters and are not independent."
        )
    models_seen = models["run_id"].nunique()
    if len(held := cells[(cells["outcome"] == "test_accuracy") & cells["tau_low"].notna()]) > 1:
        yield (
            f"Intervals hold at 95 % each alone; over dense models, detected is what is left after Holm's correction "
            f"for the {len(held)} layers and ratios of an outcome."
        )
    if models_seen and models["run_id"].nunique() < POINTS_BELOW * models["model"].nunique():
        yield (
            f"What varied: dense models, sets of filters and retraining seeds. With fewer than {POINTS_BELOW} dense "
            "models the range is given and no interval: detections are of these models alone."
        )
    if asked.epochs < ENOUGH_EPOCHS:
        yield (
            f"Retraining took {counted(asked.epochs, 'epoch')}. Short retraining manufactures correlation, since it "
            "ends near where pruning left the network: nothing here says that the loss before predicts where a long "
            "one ends."
        )
    if asked.minutes is not None:
        yield (
            f"The number of sets retrained, {asked.retrain} at each layer and ratio, was fitted to minutes = "
            f"{asked.minutes:g} when the study was first run, and has been kept since."
        )


def _rankings(rankings: pd.DataFrame) -> Iterator[str]:
    several = rankings["model"].nunique() > 1
    for row in rankings.to_dict("records"):
        where = f"{row['model']}, " if several else ""
        level = f", level {row['level']}" if rankings["level"].nunique() > 1 else ""
        unit = f" of {row['unit']}s" if rankings["unit"].nunique() > 1 else ""
        text = f"{where}{row['methods']} methods{unit} at {row['target']}{level}, random controls aside: "
        if row["verdict"] == verdicts.ALIKE:
            yield f"{text}nothing to rank, since all are alike before or after {row['recovery']}."
            continue
        said = str(row["verdict"])
        if said == verdicts.NOT_TESTED:
            said += f", since {row['methods']} methods have too few orders"
        elif said != verdicts.NOT_MEASURABLE and math.isfinite(row["p_holm"]):
            said += f" (p = {row['p_holm']:.2g} after Holm's correction)"
        n = row["dense_models"]
        among = f"in {counted(n, 'dense model')}"
        if math.isfinite(row["tau_low"]):
            among += f" (95 % interval {_number(row['tau_low'])} … {_number(row['tau_high'])})"
        elif n > 1:
            among += f" ({_number(row['tau_least'])} … {_number(row['tau_most'])})"
        known = math.isfinite(row["ceiling"])
        ceiling = f"noise ceiling {_number(row['ceiling'])}" if known else "noise ceiling unknown with one seed"
        yield (
            f"{text}τ of their ranking by loss before {row['recovery']} with that by test accuracy after = "
            f"{_number(row['tau'])} {among}, {ceiling}: {said}; the best before is the best after in "
            f"{row['best_stays']} of {n}."
        )


def _left_out(asked: RetrainCorrelation, tables: Tables, models: pd.DataFrame) -> Iterator[str]:
    once = models[models["outcome"] == "test_accuracy"]
    if failed := int(once["failed"].sum()):
        after = read(tables, RETRAINED.name)
        reasons = after["reason"].dropna() if after is not None else ()
        why = f" ({next(iter(reasons))})" if len(reasons) else ""
        yield f"Left out: {counted(failed, 'set')} of filters of which a retraining failed{why.replace('.)', ')')}."
    if waiting := int(once["waiting"].sum()):
        yield f"Left out for now: {counted(waiting, 'set')} of filters that still lack some of their retrainings."
    if unknown := int(once["unknown"].sum()):
        yield f"Left out: {counted(unknown, 'set')} of filters whose loss before retraining is NaN or infinite."
    for (layer, ratio), own in once[~once["all_subsets"].astype(bool)].groupby(["layer", "ratio"], sort=False):
        text = f"{layer} at {ratio:g}: {own['subsets'].iloc[0]:,} sets of filters were drawn, not all looked at"
        yield f"{text}{_relabelled(asked, own, len(once))}"
    runs = tables.runs
    planned = runs[(runs["method"] == "dense") & (runs["run_id"] == runs["dense_run_id"])]
    cells = len(asked.layers) * len(asked.ratios)
    if (waiting := len(planned) * cells - len(once)) > 0 and cells:
        yield f"{waiting} of {len(planned) * cells} dense models × layers × ratios are not looked at yet, or failed."


def _relabelled(asked: RetrainCorrelation, own: pd.DataFrame, tests: int) -> str:
    """What is known of p where sets are drawn."""
    known, needed = int(own["relabellings"].fillna(0).min()), enough_relabellings(asked.relabellings, tests)
    if own["p"].notna().all():
        return f"; each p is of {known:,} relabellings of the filters."
    if not asked.relabellings:
        return (
            f", so p needs the losses of relabelled sets. Set relabellings = {needed}, which adds to what is there; or "
            f"raise subsets to look at all, or use {POINTS_BELOW} dense models."
        )
    if known < needed:
        return f"; {known:,} of {needed:,} relabellings are looked at so far, and p needs them all."
    return ", and some of them lose so much as relabelled that the loss is NaN or infinite, so there is no p."


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # adding 0 turns −0.0 into 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
