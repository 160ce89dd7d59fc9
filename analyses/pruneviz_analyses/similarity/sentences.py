"""What similarity found, in sentences that claim no more than their interval."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz_analyses.judging import among, doubt, interval_of
from pruneviz_analyses.similarity.schemas import ARMS, CRITERIA, METHODS, RUNS, SEEN, TURNOVER
from pruneviz_analyses.words import counted

if TYPE_CHECKING:
    import pandas as pd

_CLOSE = 5e-4  # an excess this near 1 is that of the same choice


class _Options(Protocol):
    @property
    def level(self) -> float: ...
    @property
    def unbiased(self) -> bool: ...
    @property
    def sentences(self) -> int: ...


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], options: _Options) -> tuple[str, ...]:
    """Baselines of the layers first, then pruned arms, masks, criteria, levels, and what was left out and why.

    Of arms and of pairs of masks those of random controls come after all others.
    """
    arms, methods = frames[ARMS.name], frames[METHODS.name]
    runs = tables.runs
    controls = set(runs.loc[runs["run_id"].isin(set(runs["control_run_id"].dropna())), "method"])
    said = [*_baselines(arms, options)]
    grouped = [own for _, own in arms[arms["kind"] == "pruned"].groupby("arm", sort=False)]
    grouped.sort(
        key=lambda own: (
            str(own["method"].iloc[0]) in controls,
            float(own["cka"].min()) if own["cka"].notna().any() else -2.0,
        )
    )
    layers = judge(
        {
            (str(r["arm"]), str(r["layer"])): interval_of(
                {**r, "runs": r["pairs"]}, "change", options.level, "retrained_runs"
            )
            for own in grouped
            for r in own[own["change"].notna()].to_dict("records")
        }
    )
    said += [_pruned(own, options, layers) for own in grouped[: options.sentences]]
    if (more := len(grouped) - options.sentences) > 0:
        said.append(f"{counted(more, 'more arm')} of layers in the table {ARMS.name}.")
    said += among(layers, options.level, "layer against retraining alone")
    said += _overlaps(methods, controls, options)
    said += _criteria(frames[CRITERIA.name], options)
    said += _turnover(frames[TURNOVER.name])
    return (*said, *_left_out(tables, frames, arms))


def _baselines(arms: pd.DataFrame, options: _Options) -> Iterator[str]:
    how = "" if options.unbiased else ", biased, which grows with the width of a layer"
    for kind, words in (("replicate", "two dense models"), ("retrained", "a dense model and itself retrained")):
        for arm, own in arms[arms["kind"] == kind].groupby("arm", sort=False):
            yield f"{arm}: the same layer of {words} has CKA {_by_layer(own)} ({_of(own, 'pair')}{how})."


def _by_layer(own: pd.DataFrame) -> str:
    return ", ".join(f"{r['layer']} {_value(r['cka'])}" for r in own.to_dict("records"))


def _of(own: pd.DataFrame, what: str) -> str:
    """What the layers' means are over; those of fewer are named, since a layer may have no value in some models."""
    by: dict[tuple[int, int], list[str]] = {}
    for r in own.to_dict("records"):
        by.setdefault((int(r["pairs"]), int(r["dense_models"])), []).append(str(r["layer"]))
    (pairs, models), *fewer = sorted(by, reverse=True)
    less = "".join(f"; {p} of {n} in {', '.join(by[p, n])}" for p, n in fewer if p)
    return f"{counted(pairs, what)} of {counted(models, 'dense model')}{less}"


def _pruned(own: pd.DataFrame, options: _Options, judged: Mapping[tuple[str, str], Judged]) -> str:
    text = f"{own['arm'].iloc[0]}: CKA with the dense model {_by_layer(own)} ({_of(own, 'run')})."
    beside = own[own["change"].notna()]
    if beside.empty:
        return text
    fewer = [r for r in beside.to_dict("records") if r["retrained_runs"] < r["pairs"]]
    counts = ", ".join(f"{r['layer']} in {r['retrained_runs']} of these {r['pairs']} runs" for r in fewer)
    lacking = f" ({counts})" if fewer else ""
    if not np.isfinite(beside["change_low"].to_numpy(float)).any():
        changes = ", ".join(f"{r['layer']} {_signed(r['change'])}" for r in beside.to_dict("records"))
        return f"{text} Against retraining alone{lacking}: {changes} (too few dense models for an interval)."
    rows = [(r, judged.get((str(r["arm"]), str(r["layer"])))) for r in beside.to_dict("records")]
    further = [_changed(r) for r, j in rows if j is not None and j.sign < 0]
    nearer = [_changed(r) for r, j in rows if j is not None and j.sign > 0]
    alone = [_changed(r) for r, j in rows if j is not None and j.alone]
    unclear = [str(r["layer"]) for r, j in rows if j is not None and not (j.sign or j.alone)]
    few = [f"{r['layer']} ({_signed(r['change'])})" for r, j in rows if j is None]
    told = [f"further from dense in {', '.join(further)}"] if further else []
    told += [f"nearer to dense in {', '.join(nearer)}"] if nearer else []
    told += [f"by itself alone, not among {len(judged)}, in {', '.join(alone)}"] if alone else []
    told += [f"no difference detected in {', '.join(unclear)}"] if unclear else []
    told += [f"too few dense models with a CKA for an interval in {', '.join(few)}"] if few else []
    return f"{text} Against retraining alone{lacking}, at {100 * options.level:g} %: {'; '.join(told)}."


def _changed(r: Mapping[Any, Any]) -> str:
    return f"{r['layer']} ({_signed(r['change'])}, {_signed(r['change_low'])} … {_signed(r['change_high'])})"


def _overlaps(methods: pd.DataFrame, controls: Collection[str], options: _Options) -> Iterator[str]:
    """Pairs of methods, those that agree most first and those of random controls last; then how many more there are."""
    rows = sorted(
        methods.to_dict("records"),
        key=lambda r: ({str(r["method"]), str(r["other"])} & set(controls) != set(), -_or(r["excess"], -9.0)),
    )
    judged = judge(
        {
            i: interval_of(
                {**r, "runs": r["pairs"], "told": r["pairs"] - r["undefined"]}, "excess", options.level, "told"
            )
            for i, r in enumerate(rows)
            if _told(r)
        }
    )
    for i, r in enumerate(rows[: options.sentences]):
        yield _overlap(r, options, judged.get(i))
    if (more := len(rows) - options.sentences) > 0:
        rest = [judged[i] for i in range(options.sentences, len(rows)) if i in judged]
        none = sum(not j.sign for j in rest)
        chance = f", {none} of them without overlap beyond chance detected" if rest else ""
        yield f"{counted(more, 'more pair')} of masks in the table {METHODS.name}{chance}."
    yield from among(judged, options.level, "overlap against chance")


def _overlap(r: Mapping[Any, Any], options: _Options, judged: Judged | None) -> str:
    who = f"{r['method']} and {r['other']}" if r["method"] != r["other"] else f"{r['method']} with two seeds"
    if r["method"] != r["other"] and all(str(r[k]).startswith("random") for k in ("method", "other")):
        who += ", drawn with the same seed,"
    after = f" after {r['recovery']}" if r["recovery"] != "none" else ""
    head = (
        f"{r['model']} at {r['target']}{after}: {who} both keep {_share(r['jaccard'])} of the {r['unit']}s that either "
        f"keeps; masks with these counts in every layer {_share(r['chance'])} by chance"
    )
    if not math.isfinite(_or(r["excess"], math.nan)):
        return f"{head}: the counts leave no choice."
    n = f"{counted(int(r['pairs']), 'pair')} of {counted(int(r['dense_models']), 'dense model')}"
    n += f", the counts of {r['undefined']} leaving no choice" if r["undefined"] else ""
    if not math.isfinite(_or(r["excess_low"], math.nan)):
        pairs = counted(int(r["pairs"]), "pair")
        beyond = f"{r['beyond_chance']} of {pairs} outside {100 * options.level:g} % of such masks"
        return f"{head}; {_share(r['excess'])} of the way to all that the counts allow ({n}, {beyond})."
    low, high = _share(r["excess_low"]), _share(r["excess_high"])
    if r["excess"] >= 1 - _CLOSE:
        return f"{head}; that is all that the counts allow ({n})."
    none = judged is not None and not (judged.sign or judged.alone)
    alone = doubt(judged) if judged is not None and judged.alone else ""
    return (
        f"{head};{' none beyond chance detected,' if none else ''} {_share(r['excess'])} of the way to all that the "
        f"counts allow ({low} … {high} at {100 * options.level:g} %, {n}{alone})."
    )


def _told(r: Mapping[Any, Any]) -> bool:
    return r["excess"] is not None and math.isfinite(_or(r["excess"], math.nan))


def _criteria(table: pd.DataFrame, options: _Options) -> Iterator[str]:
    whole = table[table["layer"].isna()]
    for (model, unit), own in whole.groupby(["model", "unit"], sort=False):
        pairs = [r for r in own.to_dict("records") if r["criterion"] != r["other"]]
        pairs.sort(key=lambda r: -_or(r["spearman"], -2.0))
        n = int(own["dense_models"].max())
        told = "; ".join(f"{r['criterion']} and {r['other']} {_ranged(r)}" for r in pairs)
        sure = own["spearman_low"].notna().any()
        varied = counted(n, "dense model") + (f", intervals at {100 * options.level:g} %" if sure else "")
        yield f"{model}: rankings of all {unit}s, Spearman's ρ ({varied}): {told}."
        repeats = [r for r in own.to_dict("records") if r["criterion"] == r["other"]]
        if repeats:
            told = "; ".join(f"{r['criterion']} {_ranged(r)}" for r in repeats)
            yield f"{model}: with other training images and another seed, criteria agree with themselves by ρ {told}."


def _ranged(r: Mapping[Any, Any]) -> str:
    low, high = _or(r["spearman_low"], math.nan), _or(r["spearman_high"], math.nan)
    span = f" ({_signed(low)} … {_signed(high)})" if math.isfinite(low) else ""
    return f"{_signed(r['spearman'])}{span}" if math.isfinite(_or(r["spearman"], math.nan)) else "undefined"


def _turnover(table: pd.DataFrame) -> Iterator[str]:
    for arm, own in table.groupby("arm", sort=False):
        runs = own.groupby("level")["run_id"].nunique()
        over = f"{own['level'].min()} to {own['level'].max()}"
        back = {
            int(str(k)): float(g.mean()) for k, g in own[own["regrown_share"].notna()].groupby("level")["regrown_share"]
        }
        if not any(back.values()):
            text = f"{arm}: in levels {over} masks only shrink, no unit that was removed comes back"
        else:
            at = max(back, key=lambda level: back[level])
            text = f"{arm}: of the units kept, up to {_share(back[at])} were not kept one level before (level {at})"
        told = own[own["at_once_excess"].notna()]
        if len(told):
            by_level = {int(str(k)): float(g.mean()) for k, g in told.groupby("level")["at_once_excess"]}
            first, last = min(by_level), max(by_level)
            text += (
                f"; beside the dense model's largest weights, as many a layer, they are {_share(by_level[first])} of "
                f"the way from chance to the same at level {first}, {_share(by_level[last])} at level {last}"
            )
        least = "" if runs.min() == runs.max() else f"{runs.min()} to "
        yield f"{text} ({least}{counted(int(runs.max()), 'run')} at a level)."


def _left_out(tables: Tables, frames: Mapping[str, pd.DataFrame], arms: pd.DataFrame) -> Iterator[str]:
    runs = tables.runs
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((runs["status"] == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    seen = set(frames[RUNS.name]["run_id"])
    pruned = runs[(runs["status"] == "done") & (runs["run_id"] != runs["dense_run_id"])]
    if unseen := int((~pruned["run_id"].isin(seen)).sum()):
        yield f"{counted(unseen, 'run')} without a comparison of layers in the table {SEEN.name}. Run the study again."
    undefined = arms[arms["undefined"] > 0]
    for layer, own in undefined.groupby("layer", sort=False):
        yield (
            f"{layer}: no CKA in {counted(int(own['undefined'].sum()), 'pair')}, since its outputs are the same for "
            "all images in one of the two models: nothing passes through it."
        )
    if int((runs["unit"] == "nm").sum()):
        yield "Masks of N:M patterns are not compared: chance is another one where every group keeps as many."


def _or(value: Any, otherwise: float) -> float:
    return otherwise if value is None or str(value) in ("<NA>", "nan") else float(value)


def _value(value: Any) -> str:
    return f"{value:.2f}".replace("-", "−") if math.isfinite(_or(value, math.nan)) else "undefined"


def _share(value: Any) -> str:
    return (
        f"{round(100 * value, 1) + 0.0:.1f} %".replace("-", "−") if math.isfinite(_or(value, math.nan)) else "undefined"
    )


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0
