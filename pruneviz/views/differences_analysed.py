"""What the study's analyses measured of two models: activations, masks, geometry, robustness, calibration, maps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.measures.statistics import t_interval
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, table_of
from pruneviz.views.comparison import Comparison
from pruneviz.views.difference import Difference, Missing, against_retraining, chance, change, span
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAN = math.nan
_DENSE = ("retrained", "replicate")  # kinds of pairs in which nothing is pruned


@dataclass(frozen=True)
class _Metric:
    """A number that an analysis has of every run.

    Attributes:
        words: it as the subject of a sentence.
        kind: ``fraction`` (differences in points) or ``plain``.
        step: the least change that means anything.
        ends: columns with the interval of the difference from the run's own dense model; empty where there are none.
    """

    column: str
    words: str
    kind: str
    step: float
    ends: tuple[str, ...] = ()

    def value(self, v: float) -> str:
        """As it reads."""
        return percent(v) if self.kind == "fraction" else number(v)

    def signed(self, v: float) -> str:
        """A change of it as it reads."""
        if self.kind == "fraction":
            return f"{points(v)} points"
        text = number(v)
        return f"+{text}" if v > 0 and text != "0" else text

    def unsigned(self, v: float) -> str:
        """The size of a change."""
        return self.signed(abs(v)).lstrip("+")


@dataclass(frozen=True)
class _OfRuns:
    """An analysis with a row for each run."""

    analysis: str
    about: str
    table: str
    where: tuple[str, str]  # a column and its value; empty for all rows
    metrics: tuple[_Metric, ...]
    pictures: tuple[str, ...]


_RUNS = (
    _OfRuns(
        "feature_geometry",
        "geometry",
        "feature_geometry",
        ("condition", "clean"),
        (
            _Metric("margin_scaled", "The mean margin of features, over their mean length,", "plain", 1e-4),
            _Metric("between_share", "The share of the features' variance that lies between classes", "fraction", 1e-4),
            _Metric("angle", "The mean angle of features to their class's direction (rad)", "plain", 1e-4),
        ),
        ("geometry_margins", "geometry_spread"),
    ),
    _OfRuns(
        "corruption_robustness",
        "robustness",
        "corruption_robustness_runs",
        ("scope", "mean"),
        (
            _Metric(
                "accuracy",
                "Accuracy on corrupted images, mean over corruptions,",
                "fraction",
                1e-4,
                ("accuracy_difference_low", "accuracy_difference_high"),
            ),
            _Metric(
                "drop",
                "What corruption costs (clean accuracy minus that)",
                "fraction",
                1e-4,
                ("drop_difference_low", "drop_difference_high"),
            ),
        ),
        ("robustness", "corruption_errors"),
    ),
    _OfRuns(
        "calibration",
        "calibration",
        "calibration",
        ("", ""),
        (
            _Metric("overconfidence", "Mean confidence minus accuracy", "fraction", 1e-4),
            _Metric("squared_error", "The squared calibration error without bias", "plain", 1e-6),
        ),
        ("reliability", "calibration"),
    ),
)
_ADDS = "pruneviz run STUDY.toml --store STORE --set 'analyses.{}={{}}'"
_WHAT = {
    "similarity": "activations, layer by layer, and the overlap of masks",
    "feature_geometry": "where features lie",
    "corruption_robustness": "corrupted images",
    "calibration": "what probabilities are worth",
    "attributions": "what decisions rest on",
}


def analysed(tables: Tables, c: Comparison, run_id: str) -> tuple[list[Difference], list[Missing]]:
    """What the analyses say of the two models, and which of them say nothing."""
    found: list[Difference] = []
    missing: list[Missing] = []

    def take(analysis: str, about: str, said: Iterator[Difference] | None) -> None:
        several_said = list(said) if said is not None else []
        found.extend(several_said)
        if said is None:
            text = f"The study has not measured {_WHAT[analysis]}. This adds it; only what is new is made."
            missing.append(Missing(about, text, _ADDS.format(analysis), analysis))
        elif not several_said:
            text = f"{plain(analysis)} is measured here, but not of these two models: take the model's own dense model "
            missing.append(Missing(about, f"{text}as the reference, or extend the analysis."))

    similar = table_of(tables, "similarity")
    take("similarity", "activations", None if similar is None else _activations(tables, c, run_id, similar))
    found += _overlap(tables, c, run_id)
    for one in _RUNS:
        frame = table_of(tables, one.analysis, one.table)
        take(one.analysis, one.about, None if frame is None else _of_runs(tables, c, run_id, one, frame))
    pairs = table_of(tables, "attributions", "attributions_pairs")
    take("attributions", "attributions", None if pairs is None else _attributions(tables, c, run_id, pairs))
    return found, missing


def _of_runs(tables: Tables, c: Comparison, run_id: str, one: _OfRuns, frame: pd.DataFrame) -> Iterator[Difference]:
    column, value = one.where
    rows = frame[frame[column] == value] if column else frame
    by_run = rows.drop_duplicates("run_id").set_index(rows.drop_duplicates("run_id")["run_id"].astype(str))
    if run_id not in by_run.index or c.reference not in by_run.index:
        return
    own = str(on.row(measured(tables), run_id)["dense_run_id"]) == c.reference
    for m in one.metrics:
        v = {str(r): float(x) for r, x in by_run[m.column].astype("float64").items()}
        before, after = v[c.reference], v[run_id]
        if not (math.isfinite(before) and math.isfinite(after)):
            continue
        low, high = _ends(tables, one, m, by_run.loc[run_id], run_id, c.reference) if own else (_NAN, _NAN)
        baseline = [v[b] - v[a] for a, b in c.baseline if a in v and b in v]
        level = level_of(tables, one.analysis)
        how = f" ({span(low, high, m.signed, level)}, these two models fixed)" if math.isfinite(low) else ""
        text = f"{m.words} is {m.value(after)} instead of {m.value(before)}: {m.signed(after - before)}{how}."
        found, control = change(after - before, low, high, baseline, m.step), v.get(c.controls.get(run_id, ""), _NAN)
        blind = m.signed(control - before) if math.isfinite(control) else ""
        yield against_retraining(one.about, text, found, m.unsigned, one.pictures, blind=blind)


def _ends(tables: Tables, one: _OfRuns, m: _Metric, row: Any, run_id: str, reference: str) -> tuple[float, float]:
    """The interval of the difference from the run's own dense model, where the analysis has one."""
    if m.ends:
        return _float(row[m.ends[0]]), _float(row[m.ends[1]])
    frame = table_of(tables, one.analysis, "calibration_differences") if one.analysis == "calibration" else None
    if frame is None:
        return _NAN, _NAN
    at = frame[(frame["run_id"] == run_id) & (frame["reference_run_id"] == reference) & (frame["metric"] == m.column)]
    return (_float(at["low"].iloc[0]), _float(at["high"].iloc[0])) if len(at) else (_NAN, _NAN)


def _float(value: Any) -> float:
    return _NAN if on.missing(value) else float(value)


def _alike(tables: Tables, c: Comparison, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of pairs of dense models of the reference's architecture."""
    done = measured(tables)
    model = on.row(done, c.reference)["model"]
    own = set(done.loc[(done["model"] == model).fillna(False).astype(bool), "run_id"])
    return frame[frame["kind"].isin(_DENSE) & frame["run_id"].isin(own)]


def _pair(frame: pd.DataFrame, run_id: str, reference: str) -> pd.DataFrame:
    """The rows of these two, whichever of them is the reference there."""
    one = (frame["run_id"] == run_id) & (frame["reference_run_id"] == reference)
    return frame[one | ((frame["run_id"] == reference) & (frame["reference_run_id"] == run_id))]


def _activations(tables: Tables, c: Comparison, run_id: str, frame: pd.DataFrame) -> Iterator[Difference]:
    """Linear CKA, layer by layer: the layer that is least alike."""
    rows = _pair(frame, run_id, c.reference)
    known = rows[rows["cka"].notna()]
    if known.empty:
        return
    worst = known.iloc[int(known["cka"].to_numpy("float64").argmin())]
    others = _alike(tables, c, frame)
    least = others.groupby(["run_id", "reference_run_id"], observed=True)["cka"].min().dropna()
    left = len(rows) - len(known)
    text = (
        f"The outputs of {elide(plain(worst['layer']), 36)} are the least alike: linear CKA {number(worst['cka'])} "
        f"(1 is alike; mean over {several(len(known), 'layer')} {number(float(known['cka'].mean()))})."
    )
    text += f" {several(left, 'layer').capitalize()} that say the same for every image are left out." if left else ""
    found = change(1 - float(worst["cka"]), _NAN, _NAN, [1 - float(v) for v in least], 1e-4)

    def shows(v: float) -> str:
        return f"CKA {number(1 - v)}"

    control = _pair(frame, c.controls.get(run_id, ""), c.reference)["cka"].dropna()
    blind = f"{shows(1 - float(control.min()))} (its least alike layer)" if len(control) else ""
    yield against_retraining("activations", text, found, shows, ("similarity_layers",), blind=blind)


def _overlap(tables: Tables, c: Comparison, run_id: str) -> Iterator[Difference]:
    """Which units two masks share, beside chance."""
    frame = table_of(tables, "similarity", "similarity_overlaps")
    if frame is None:
        return
    rows = _pair(frame, run_id, c.reference)
    rows = rows[rows["layer"].isna()]
    if rows.empty or on.missing(rows["jaccard"].iloc[0]):
        return
    r = rows.iloc[0]
    shared, low, high = (percent(float(r[k])) for k in ("jaccard", "chance_low", "chance_high"))
    text = (
        f"Of the units that either mask keeps, both keep {shared}; masks drawn blindly with these counts share {low} "
        f"to {high} ({chance(float(r['p']))})."
    )
    yield Difference("overlap of masks", text, _NAN, 1 - float(r["jaccard"]), ("similarity_masks",))


def _attributions(tables: Tables, c: Comparison, run_id: str, frame: pd.DataFrame) -> Iterator[Difference]:
    """How alike the maps of the two models are, over the images chosen at random."""
    frame = frame[(frame["chosen"] == "random") & frame["rank"].notna()]
    others = _alike(tables, c, frame)
    rows = _pair(frame, run_id, c.reference)
    for name, group in rows.groupby("attribution", observed=True, sort=False):
        values = group["rank"].to_numpy("float64")
        over = t_interval(1 - values, varied="images")
        same = others[others["attribution"] == name]
        alone = same.groupby(["run_id", "reference_run_id"], observed=True)["rank"].mean().dropna()
        how = span(1 - over.high, 1 - over.low, number)
        text = (
            f"Maps by {plain(name).replace('_', ' ')} have a mean rank correlation of {number(1 - over.mean)} with the "
            f"reference's ({how}; {several(over.n, 'image')})."
        )
        found = change(over.mean, over.low, over.high, [1 - float(v) for v in alone], 1e-4)
        control = _pair(frame, c.controls.get(run_id, ""), c.reference)
        ranks = control.loc[control["attribution"] == name, "rank"]
        blind = _correlation(1 - float(ranks.mean())) if len(ranks) else ""
        yield against_retraining("attributions", text, found, _correlation, ("attribution_similarity",), blind=blind)


def _correlation(v: float) -> str:
    return f"rank correlation {number(1 - v)}"
