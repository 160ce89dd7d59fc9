"""`prediction_changes` written again from its definition: dictionaries by id, one sample at a time."""

from __future__ import annotations


def by_id(samples, run_id):
    own = samples[samples["run_id"] == run_id]
    return {s: (y, p) for s, y, p in zip(own["sample_id"], own["label"], own["prediction"], strict=True)}


def compare(reference, run, ids, label=None):
    """Counts of what became of the samples, of one class or of all."""
    out = {"samples": 0, "right_to_wrong": 0, "wrong_to_right": 0, "wrong_to_wrong": 0, "unchanged": 0}
    for i in ids:
        truth, before = reference[i]
        after = run[i][1]
        if label is not None and truth != label:
            continue
        out["samples"] += 1
        if before == after:
            out["unchanged"] += 1
        elif before == truth:
            out["right_to_wrong"] += 1
        elif after == truth:
            out["wrong_to_right"] += 1
        else:
            out["wrong_to_wrong"] += 1
    return out


def churn(counts):
    return 1 - counts["unchanged"] / counts["samples"]


def flipped(reference, run, ids):
    """Ids of the samples whose prediction changed, by what became of them."""
    return {
        "flips": {i for i in ids if reference[i][1] != run[i][1]},
        "right_to_wrong": {i for i in ids if reference[i][1] == reference[i][0] != run[i][1]},
        "wrong_to_right": {i for i in ids if reference[i][1] != reference[i][0] == run[i][1]},
    }
