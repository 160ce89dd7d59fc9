"""The tables of calibration."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, KIND, OF_ARM, RUN

METRICS = ("ece_mass", "ece_width", "squared_error", "brier", "nll", "overconfidence")
ERRORS = ("ece_mass", "ece_width")  # those that have a floor

_MASS = "expected calibration error, bins of equal numbers of samples"
_WIDTH = "expected calibration error, bins of equal width"
_FLOOR = "what a perfectly calibrated model of the same confidences shows on so many samples, simulated mean"
_MOST = "what such a model stays below with the level's probability"
_SQUARED = (
    "squared calibration error, bins of equal numbers of samples, without bias: models can be compared by it; "
    "about 0, or just below, for a calibrated model"
)
_P = "probability that such a model shows at least this error, simulated"

_VALUES = (
    Column("samples", "int", "test samples", "samples"),
    Column("accuracy", "float", "on the test split", "fraction", "high"),
    Column("confidence", "float", "mean of the largest softmax probability", "probability"),
    Column("overconfidence", "float", "mean confidence minus accuracy", "fraction"),
    Column("ece_mass", "float", _MASS, "fraction", "low"),
    Column("ece_mass_floor", "float", _FLOOR, "fraction"),
    Column("ece_mass_chance", "float", _MOST, "fraction"),
    Column("ece_mass_p", "float", _P),
    Column("ece_width", "float", _WIDTH, "fraction", "low"),
    Column("ece_width_floor", "float", _FLOOR, "fraction"),
    Column("ece_width_chance", "float", _MOST, "fraction"),
    Column("ece_width_p", "float", _P),
    Column("squared_error", "float", _SQUARED, "", "low"),
    Column("brier", "float", "mean over samples of Σ_k (p_k − [k is the label])², over all classes", "", "low"),
    Column("nll", "float", "mean cross-entropy", "nats", "low"),
)

SEEN = Schema("calibration_seen", "one row per run: what its probabilities say", (RUN, *_VALUES))

BINS = Schema(
    "calibration_bins",
    "one row per run, binning and bin: the reliability diagram",
    (
        RUN,
        Column("binning", "str", "width (equal width) or mass (equal numbers of samples, as far as ties allow)"),
        Column("bin", "int", "from 0"),
        Column("low", "float", "confidences in the bin are above this", "probability"),
        Column("high", "float", "and not above this", "probability"),
        Column("samples", "int", "test samples in it; may be 0", "samples"),
        Column("confidence", "float", "their mean confidence; null without samples", "probability"),
        Column("accuracy", "float", "share of them that is right; null without samples", "fraction"),
        Column("expected_low", "float", "where a perfectly calibrated model's accuracy would lie", "fraction"),
        Column("expected_high", "float", "with the level's probability; null without samples", "fraction"),
    ),
)

SAMPLES = Schema(
    "calibration_samples",
    "one row per run and test sample: what the samples table does not say",
    (
        RUN,
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("brier", "float", "Σ_k (p_k − [k is the label])², in [0, 2]", "", "low"),
    ),
)

RUNS = Schema(
    "calibration",
    "one row per run, with what it is compared with",
    (
        RUN,
        Column("reference_run_id", "str", "its dense model; null for a dense model"),
        Column("retrained_run_id", "str", "that model after the same recovery and seed, unpruned; may be null"),
        KIND,
        ARM,
        *_VALUES,
    ),
)

_METRIC = Column("metric", "str", "ece_mass, ece_width, squared_error, brier, nll or overconfidence")
_WIDER = "; wider by the floors for calibration errors, whose bias may be anything between 0 and these"
_FIXED = f"interval over test samples, these two models fixed{_WIDER}"

DIFFERENCES = Schema(
    "calibration_differences",
    "one row per run, reference and metric, over the samples that all runs have",
    (
        RUN,
        Column("reference_run_id", "str", "what it is compared with"),
        Column("against", "str", "dense, or retrained (that dense model after the same recovery and seed, unpruned)"),
        _METRIC,
        Column("samples", "int", "test samples compared", "samples"),
        Column("value", "float", "the run's"),
        Column("reference_value", "float", "the reference's"),
        Column("difference", "float", "the run's minus the reference's"),
        Column("low", "float", _FIXED),
        Column("high", "float", _FIXED),
    ),
)

_OVER = f"over dense models, seeds and test samples; null with fewer than 5 dense models{_WIDER}"

ARMS = Schema(
    "calibration_arms",
    "one row per arm and metric: runs that differ in dense model and seed alone; every dense model weighs the same",
    (
        ARM,
        KIND,
        *OF_ARM,
        _METRIC,
        Column("runs", "int", "the arm's runs", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("samples", "int", "test samples compared", "samples"),
        Column("mean", "float", "mean over dense models"),
        Column("least", "float", "the least of the runs"),
        Column("most", "float", "the most of the runs"),
        Column("floor", "float", "mean floor of a calibration error; null for other metrics", "fraction"),
        Column("beyond_chance", "int", "runs above what a calibrated model stays below; null for others", "runs"),
        Column("difference", "float", "mean difference from the dense model; null for dense models"),
        Column("difference_low", "float", _OVER),
        Column("difference_high", "float", _OVER),
        Column("retrained_runs", "int", "runs that have a retrained dense model beside them", "runs"),
        Column("retrained_difference", "float", "mean difference of those retrained models from their dense models"),
        Column("excess", "float", "mean difference from the retrained model, of those runs"),
        Column("excess_low", "float", _OVER),
        Column("excess_high", "float", _OVER),
    ),
)
