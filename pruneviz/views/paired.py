"""Each model of a comparison beside its reference on the same images: difference, interval and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.views import runs as on
from pruneviz.views.text import number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

TABLE = "prediction_changes"
_KEPT = ("run_id", "reference_run_id", "samples", "accuracy_difference", "accuracy_difference_low")
_COLUMNS = [*_KEPT, "accuracy_difference_high", "p", "churn", "right_to_wrong", "wrong_to_right"]


def paired(changes: pd.DataFrame) -> list[dict[str, Any]]:
    """Every given model against the reference.

    Args:
        changes: the table ``prediction_changes``, of which ``p`` is McNemar's exact one.

    Returns:
        its rows of models, in its order, with ``p_holm`` besides: p adjusted for their number (Holm, 1979).
    """
    from pruneviz.measures.statistics import holm

    records = changes.loc[changes["kind"] == "pruned", _COLUMNS].to_dict("records")
    adjusted = holm([r["p"] for r in records])
    return [{**{str(k): v for k, v in r.items()}, "p_holm": float(p)} for r, p in zip(records, adjusted, strict=True)]


def paired_sentences(runs: pd.DataFrame, changes: pd.DataFrame) -> tuple[str, ...]:
    """The same in sentences, and what their intervals are about."""
    rows = paired(changes)
    said = []
    for r in rows:
        own, reference = on.row(runs, r["run_id"]), on.row(runs, r["reference_run_id"])
        low, high = points(r["accuracy_difference_low"]), points(r["accuracy_difference_high"])
        said.append(
            f"{plain(own['name'])}: accuracy {percent(own['accuracy'])}, {points(r['accuracy_difference'])} points "
            f"against {plain(reference['name'])} ({low} … {high}; p = {number(r['p_holm'], 2)}); "
            f"{percent(r['churn'])} of predictions changed."
        )
    if not rows:
        return ()
    among = f", adjusted for {several(len(rows), 'model')} (Holm)" if len(rows) > 1 else ""
    return (
        *said,
        f"Paired on the same {int(rows[0]['samples']):,} test images, these models fixed: 95 % intervals, "
        f"McNemar's exact p{among}. What another training would have changed, they do not tell.",
    )
