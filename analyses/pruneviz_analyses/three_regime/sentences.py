"""What three_regime found, in sentences that claim no more than was seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.regimes import APART, HOT, LOWER, NEITHER, RAISE, WELL
from pruneviz.measures.statistics import POINTS_BELOW, standard_error
from pruneviz_analyses.three_regime.cases import ANY, BEST, DENSE, OURS
from pruneviz_analyses.three_regime.diagrams import TRAIN, seen, with_texts
from pruneviz_analyses.three_regime.looking import PRUNED_APART
from pruneviz_analyses.three_regime.schemas import CELLS, CHOICES, MODELS, MOVES, PAIRS, RETRAINED
from pruneviz_analyses.three_regime.temperature import Temperature, spec_of, temperature_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pruneviz_analyses.three_regime import ThreeRegime


def findings(asked: ThreeRegime, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Diagram by diagram: transition, regimes, the three case studies; then what was varied, and left out."""
    cells, moves, choices, models = (with_texts(frames[s.name], s) for s in (CELLS, MOVES, CHOICES, MODELS))
    if cells.empty:
        return ("No two retrainings of the same pruned model have been compared yet.", *_left_out(tables, models))
    at = temperature_of(spec_of(tables.spec), asked.temperature, asked.hotter)
    said: list[str] = []
    several = cells["diagram"].nunique() > 1
    for name, own in cells.groupby("diagram", sort=False):
        diagram = str(name) if several else str(own["model"].iloc[0])
        known = own[own["regime"].fillna("") != ""]
        if known.empty:
            said.append(f"{diagram}: no two retrainings could be compared, so nothing is known of its regimes.")
            continue
        said.append(_transition(diagram, known, at, asked))
        said += _regimes(diagram, known, at, asked)
        said += _which_way(diagram, moves[moves["diagram"] == name], at)
        said += _which_model(diagram, choices[choices["diagram"] == name], at)
    return (*said, *_conditions(asked, tables, cells, at), *_left_out(tables, models))


def _transition(diagram: str, cells: pd.DataFrame, at: Temperature, asked: ThreeRegime) -> str:
    """Where barriers begin, or that there is no change in the range, and what to try."""
    barrier = cells["regime"].isin([APART, NEITHER]).to_numpy(bool)
    low, high = float(cells["density"].min()), float(cells["density"].max())
    values = cells.sort_values("rank")["temperature"].to_numpy(float)
    spanned = (
        f"{at.words} {values[0]:g} (coldest) … {values[-1]:g}, densities {_percent(low)} … {_percent(high)}, "
        f"{_count(len(cells), 'cell')}"
    )
    lmc = cells["lmc"].to_numpy(float)
    among = f"mean LMC {_signed(lmc.min())} … {_signed(lmc.max())}"
    if not barrier.any():
        colder = at.towards(LOWER)
        return (
            f"{diagram}: no transition found in this range ({spanned}): {among}, nowhere below "
            f"{_signed(-asked.barrier)}. Where one would be looked for: densities below {_percent(low)}, such as "
            f"{_percent(low / 2)} and {_percent(low / 4)}; {colder} than {values[0]:g}; retraining at a larger "
            "learning rate or for longer."
        )
    if barrier.all():
        return (
            f"{diagram}: no transition found in this range ({spanned}): {among}, everywhere below "
            f"{_signed(-asked.barrier)}. Where one would be looked for: densities above {_percent(high)}, or "
            f"{at.towards(RAISE)} than {values[-1]:g}."
        )
    edges = []
    for _, row in cells.sort_values("rank").groupby("rank", sort=True):
        edges.append(f"{_with_barrier(row)} at {float(row['temperature'].iloc[0]):g}")
    return (
        f"{diagram}: barriers in {int(barrier.sum())} of {len(cells)} cells ({spanned}), {among}. By {at.words}, from "
        f"the coldest: {'; '.join(edges)}."
    )


def _with_barrier(row: pd.DataFrame) -> str:
    """At which densities of one temperature there is a barrier."""
    known = row.sort_values("density")
    there = known["regime"].isin([APART, NEITHER]).to_numpy(bool)
    if not there.any():
        return "none"
    densities = [_percent(float(d)) for d in known["density"][there]]
    if there[: len(densities)].all():  # at all that are as low
        return f"up to density {densities[-1]}"
    *others, last = densities
    return f"{'densities ' + ', '.join(others) + ' and ' if others else 'density '}{last}"


def _regimes(diagram: str, cells: pd.DataFrame, at: Temperature, asked: ThreeRegime) -> Iterator[str]:
    n = {name: int((cells["regime"] == name).sum()) for name in (APART, HOT, WELL, NEITHER)}
    cka = cells["cka"].to_numpy(float)
    named = {
        APART: ("regime I (barrier, outputs not alike)", at.towards(RAISE)),
        HOT: ("regime II-A (no barrier, outputs not alike)", at.towards(LOWER)),
        WELL: ("regime II-B (no barrier, outputs alike)", "stay"),
        NEITHER: ("a barrier between alike outputs, which the paper has no name for,", "no advice"),
    }
    told = [f"{words} in {n[name]}: {advice}" for name, (words, advice) in named.items() if n[name]]
    models = int(cells["dense_models"].max())
    same = int((cells["agreeing"] == cells["dense_models"]).sum())
    agree = f" All dense models agree in {same} of {len(cells)} cells." if models > 1 else ""
    yield (
        f"{diagram}: of {_count(len(cells), 'cell')}, {'; '.join(told)}. "
        f"CKA {cka.min():.3f} … {cka.max():.3f}.{agree} "
        f"The thresholds (barrier {asked.barrier:g}, similar {asked.similar:g}) are ours: the paper has none."
    )


def _which_way(diagram: str, moves: pd.DataFrame, at: Temperature) -> Iterator[str]:
    """The first case study: whether a step in the direction advised lowers the error."""
    advised = moves[moves["advice"] == moves["direction"]]
    if advised.empty:
        return
    right = int((advised["change"] < 0).sum())
    others = []
    for direction, word in ((RAISE, "hotter"), (LOWER, "colder")):
        way = moves[moves["direction"] == direction]
        others.append(f"always {word} in {int((way['change'] < 0).sum())} of {len(way)}")
    known_to = _error_of_each(advised["change_se"], "change")
    yield (
        f"{diagram}, which way to move {at.words}: a step as advised lowered the error after retraining in {right} of "
        f"{len(advised)} cells (mean change {_points(float(advised['change'].mean()))}{known_to}); for comparison, "
        f"{' and '.join(others)}. Neighbouring cells share models, so these are counts and no test."
    )


def _which_model(diagram: str, choices: pd.DataFrame, at: Temperature) -> Iterator[str]:
    """The second case study, and the third where ρ is what is chosen."""
    ours = choices[choices["rule"] == OURS].sort_values("density", ascending=False)
    if ours.empty:
        return
    choices = choices[choices["target"].isin(set(ours["target"]))]  # the same loads for all of them
    loads = len(ours)
    regret = dict(iter(choices.groupby("rule")["regret"]))
    ways = {OURS: "by connectivity and similarity alone", DENSE: "by the best dense model", ANY: "on average over all"}
    told, tested = [], []
    test = dict(iter(choices.groupby("rule")["test_regret"]))
    for rule, words in ways.items():
        if rule in regret:
            tested.append(_points(float(test[rule].mean())).removesuffix(" points"))
            mean, least, most = (
                _points(float(v)) for v in (regret[rule].mean(), regret[rule].min(), regret[rule].max())
            )
            told.append(f"{mean} ({least.removesuffix(' points')} … {most.removesuffix(' points')}) {words}")
    models = int(choices["models"].max())
    known_to = _error_of_each(choices["regret_se"], "of these differences")
    yield (
        f"{diagram}, which of {models} models to prune: error above the best choice's, mean and range over "
        f"{_count(loads, 'density', 'densities')}: {', '.join(told)}{known_to}. What is best was chosen by the same "
        f"images; on the test images these means are, in this order, {', '.join(tested)} points. They share their "
        "dense models: this is no test."
    )
    if at.name == "sam_rho":
        best = choices[choices["rule"] == BEST].set_index("target")["temperature"]
        each = [
            f"{r['temperature']:g} at density {_percent(r['density'])} (best {best[r['target']]:g})"
            for r in ours.to_dict("records")
        ]
        yield f"{diagram}, tuning SAM's ρ by connectivity and similarity alone: {', '.join(each)}."


def _error_of_each(errors: pd.Series[float], what: str) -> str:
    """How far one difference may be off by the choice of images; empty where it is not known how many they are."""
    known = errors.dropna()
    most = f"{100 * known.max():.1f}" if len(known) else ""
    return f"; standard error of one {what} up to {most} points, by the choice of images alone" if most else ""


def _conditions(asked: ThreeRegime, tables: Tables, cells: pd.DataFrame, at: Temperature) -> Iterator[str]:
    models, pairs = int(cells["dense_models"].max()), int(cells["pairs"].max())
    over = (
        "intervals are over dense models" if models >= POINTS_BELOW else f"intervals need {POINTS_BELOW} dense models"
    )
    n = cells["judged_images"].dropna()
    images = f"{int(n.min()):,} images" if len(n) else ""
    by_images = (
        f", each with a standard error of up to {100 * cells['error_se'].max():.1f} points by the choice of these "
        "images alone"
        if len(n)
        else ""
    )
    split = (
        f"the validation split{images and f' ({images})'}"
        if (cells["judged"] != TRAIN).all()
        else f"the {images or 'images'} for training that are looked at, since there is no validation split"
    )
    yield (
        f"What varied: {_count(models, 'dense model')} and {_count(pairs, 'pair')} of retraining seeds a cell, at "
        f"most; {over}. Temperature: {at.words}, {at.mode}. Errors compared are those on {split}{by_images}; the test "
        "split decides nothing."
    )
    if unsure := _unsure(tables, cells, asked):
        yield unsure
    spec = spec_of(tables.spec)
    if at.name == "batch_size" and all(t.steps is None for t in spec.trains):
        yield (
            "batch_size was swept at a fixed number of epochs, so that smaller batches also mean more steps; with "
            "steps under [train] their number is the same."
        )
    if varies := _retraining_varies(tables, at):
        yield f"{at.words} is not the temperature of the dense training alone: {varies} retrains with its own, too."


def _unsure(tables: Tables, cells: pd.DataFrame, asked: ThreeRegime) -> str:
    """That a barrier as high as the threshold may be chance, where so few images were looked at."""
    counts, errors = seen(tables, RETRAINED)["images"].dropna(), cells["train_error"].dropna().to_numpy(float)
    if not len(counts) or not len(errors):
        return ""
    images = int(counts.min())
    spread = float(standard_error(errors, images).max())
    if 2 * spread <= asked.barrier:
        return ""
    return (
        f"Errors on the lines are those of {images:,} images, with a standard error of up to {100 * spread:.1f} points "
        f"each: a barrier of {100 * asked.barrier:g} points or not much more may be chance. Ask for more images."
    )


def _retraining_varies(tables: Tables, at: Temperature) -> str:
    """A recovery whose own training differs with the temperature; empty where there is none."""
    from pruneviz.core.spec import Choice
    from pruneviz.training import RECOVERIES, recovery_from

    trains = spec_of(tables.spec).trains
    crossed = (tables.spec.get("recover", {}), *tables.spec.get("also", ()))
    for choice in (r for c in crossed for r in c.get("recoveries", ())):
        if RECOVERIES[choice["name"]].trains and choice["name"] not in ("bn", "custom", "scratch"):
            recovery = recovery_from(Choice(choice["name"], choice.get("options") or {}), "[recover]")
            if len({getattr(recovery.settings(t), at.name) for t in trains}) > 1:
                return str(choice["name"])
    return ""


def _left_out(tables: Tables, models: pd.DataFrame) -> Iterator[str]:
    if collapsed := int(models["collapsed"].sum()):
        worst = models.sort_values("collapsed", ascending=False).iloc[0]
        yield (
            f"Left out: {_count(collapsed, 'retraining')} that collapsed, ending about as wrong as always guessing one "
            f"class (most at {worst['diagram']}, density {_percent(float(worst['density']))})."
        )
    retrained, pairs = seen(tables, RETRAINED), seen(tables, PAIRS)
    for frame, what in ((retrained, "retraining"), (pairs, "pair")):
        for reason, rows in frame[frame["reason"].notna()].groupby("reason", sort=False):
            ours = "Left out" if reason != PRUNED_APART else "Left out (their score depends on the seed)"
            yield f"{ours}: {_count(len(rows), what)}, {reason}."
    constant = pairs[pairs["lmc"].notna() & ~np.isfinite(pairs["cka"].to_numpy(float))]
    if len(constant):
        yield f"Without a CKA: {_count(len(constant), 'pair')} of which one gives the same outputs for all images."
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{_count(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."


def _percent(share: float) -> str:
    return f"{round(100 * share, 1 if share >= 0.01 else 3):g} %"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0


def _points(change: float) -> str:
    return f"{round(100 * change, 2) + 0.0:+.2f} points".replace("-", "−")


def _count(n: int, what: str, many: str = "") -> str:
    return f"{n:,} {what if n == 1 else many or what + 's'}"
