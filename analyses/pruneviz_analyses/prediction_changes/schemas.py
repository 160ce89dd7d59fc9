"""The tables of prediction_changes."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, OF_ARM

_KIND = Column("kind", "str", "pruned, retrained (a dense model trained on), or replicate (another dense model)")
_FIXED = "interval over test samples, these two models fixed"

PAIRS = Schema(
    "prediction_changes",
    "one row per run compared with its dense model, and per pair of dense models of one model",
    (
        Column("run_id", "str", "the run"),
        Column("reference_run_id", "str", "what it is compared with: its dense model, or another dense model"),
        _KIND,
        ARM,
        Column("samples", "int", "test samples compared: those that all runs have", "samples"),
        Column("left_out", "int", "samples of the run that another run lacks, not compared", "samples"),
        Column("right_to_wrong", "int", "samples the reference had right and the run has wrong", "samples", "low"),
        Column("wrong_to_right", "int", "samples the reference had wrong and the run has right", "samples", "high"),
        Column("wrong_to_wrong", "int", "samples that went from one wrong class to another", "samples"),
        Column("unchanged", "int", "samples with the same prediction", "samples"),
        Column("churn", "float", "share of samples whose prediction changed", "fraction", "low"),
        Column("negative_flips", "float", "share of all samples that went from right to wrong", "fraction", "low"),
        Column("positive_flips", "float", "share of all samples that went from wrong to right", "fraction", "high"),
        Column("accuracy_difference", "float", "the run's accuracy minus the reference's", "fraction", "high"),
        Column("accuracy_difference_low", "float", _FIXED, "fraction"),
        Column("accuracy_difference_high", "float", _FIXED, "fraction"),
        Column("p", "float", "McNemar's exact test that both are right equally often, these two models fixed"),
        Column(
            "retrained_run_id", "str", "the same dense model after the same recovery and seed, unpruned; may be null"
        ),
        Column("retrained_churn", "float", "churn of that retrained model: what retraining alone changes", "fraction"),
        Column("retrained_negative_flips", "float", "negative flips of that retrained model", "fraction"),
        Column("excess_churn", "float", "churn minus the retrained model's", "fraction", "low"),
        Column("excess_churn_low", "float", _FIXED, "fraction"),
        Column("excess_churn_high", "float", _FIXED, "fraction"),
        Column("replicates", "int", "other dense models of the same model", "models"),
        Column("replicate_churn", "float", "mean churn between the dense model and those", "fraction"),
        Column("replicate_negative_flips", "float", "mean share that it has right and they have wrong", "fraction"),
    ),
)

CLASSES = Schema(
    "prediction_changes_classes",
    "one row per pair and class",
    (
        Column("run_id", "str", "the run"),
        Column("reference_run_id", "str", "what it is compared with"),
        _KIND,
        Column("class_index", "int", "the true class, from 0"),
        Column("class", "str", "its name"),
        Column("samples", "int", "test samples of the class compared", "samples"),
        Column("right_to_wrong", "int", "as in prediction_changes, within the class", "samples", "low"),
        Column("wrong_to_right", "int", "as in prediction_changes, within the class", "samples", "high"),
        Column("wrong_to_wrong", "int", "as in prediction_changes, within the class", "samples"),
        Column(
            "churn", "float", "share of the class whose prediction changed; null without samples", "fraction", "low"
        ),
        Column("reference_accuracy", "float", "the reference's accuracy on the class", "fraction", "high"),
        Column(
            "accuracy_difference", "float", "the run's accuracy on the class minus the reference's", "fraction", "high"
        ),
        Column("accuracy_difference_low", "float", f"{_FIXED}; null in small classes", "fraction"),
        Column("accuracy_difference_high", "float", f"{_FIXED}; null in small classes", "fraction"),
        Column("p", "float", "McNemar's exact test within the class; null without samples"),
        Column("p_holm", "float", "the same, corrected for the pair's number of classes (Holm)"),
        Column("retrained_churn", "float", "churn of the retrained dense model in the class; may be null", "fraction"),
        Column("retrained_difference", "float", "accuracy difference of the retrained dense model", "fraction"),
    ),
)

_MANY = "null with fewer than 10 dense models"
_OVER = "over dense models, seeds and test samples; null with fewer than 5 dense models"

ARMS = Schema(
    "prediction_changes_arms",
    "one row per arm: the runs that differ in dense model and seed alone; every dense model weighs the same",
    (
        ARM,
        _KIND,
        *OF_ARM,
        Column("sparsity_achieved", "float", "mean removed fraction of the method's own units", "fraction"),
        Column("runs", "int", "runs, or for replicates pairs of dense models"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("samples", "int", "test samples compared", "samples"),
        Column("churn", "float", "mean share of samples whose prediction changed", "fraction", "low"),
        Column("churn_least", "float", "the least of the runs", "fraction"),
        Column("churn_most", "float", "the most of the runs", "fraction"),
        Column("churn_low", "float", _OVER, "fraction"),
        Column("churn_high", "float", _OVER, "fraction"),
        Column("negative_flips", "float", "mean share from right to wrong; replicates: both ways", "fraction", "low"),
        Column("negative_flips_low", "float", _OVER, "fraction"),
        Column("negative_flips_high", "float", _OVER, "fraction"),
        Column("accuracy_difference", "float", "mean accuracy difference; null for replicates", "fraction", "high"),
        Column("accuracy_difference_low", "float", _OVER, "fraction"),
        Column("accuracy_difference_high", "float", _OVER, "fraction"),
        Column("retrained_runs", "int", "runs that have a retrained dense model beside them", "runs"),
        Column("retrained_churn", "float", "mean churn of those retrained models", "fraction"),
        Column("excess_churn", "float", "mean churn beyond the retrained model's, of those runs", "fraction", "low"),
        Column("excess_churn_low", "float", _OVER, "fraction"),
        Column("excess_churn_high", "float", _OVER, "fraction"),
        Column("exemplars", "int", f"pruning-identified exemplars among the samples; {_MANY}", "samples", "low"),
        Column("exemplars_expected", "float", f"mean number if each pair could be exchanged; {_MANY}", "samples"),
        Column("exemplars_p", "float", f"that so many come about by such an exchange; {_MANY}"),
        Column("exemplars_p_holm", "float", f"the same, corrected for the number of pruned arms (Holm); {_MANY}"),
        Column("exemplars_dense_accuracy", "float", f"of the dense models, on them alone; {_MANY}", "fraction"),
        Column(
            "retrained_exemplars", "int", f"those of the dense models trained on alike; {_MANY} of these", "samples"
        ),
        Column("shared_exemplars", "int", "the arm's that are among those of the models trained on", "samples"),
        Column("control_exemplars", "int", f"those of random pruning of as much; {_MANY} of these", "samples"),
    ),
)

EXEMPLARS = Schema(
    "prediction_changes_exemplars",
    "one row per arm and pruning-identified exemplar: an image on which most of at least 10 pruned models predict "
    "something else than most of the dense models they come from (one run of each dense model, that of the least seed)",
    (
        ARM,
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("label", "str", "its true class"),
        Column("dense_prediction", "str", "the most frequent prediction of the dense models; the first of several"),
        Column("dense_agreeing", "int", "dense models that predict it", "models"),
        Column("dense_tied", "int", "other classes that as many dense models predict", "classes"),
        Column("dense_already", "int", "dense models that predict what most pruned ones do", "models"),
        Column("prediction", "str", "the most frequent prediction of the pruned models; the first of several"),
        Column("agreeing", "int", "pruned models that predict it", "models"),
        Column("tied", "int", "other classes that as many pruned models predict", "classes"),
        Column("still", "int", "pruned models that predict what most dense ones do", "models"),
        Column("models", "int", "pruned models, and as many dense ones", "models"),
        Column(
            "retrained_too", "bool", "whether it is an exemplar of the models trained on alike; null where none are"
        ),
    ),
)

SAMPLES = Schema(
    "prediction_changes_samples",
    "one row per arm and test sample: in how many of the arm's runs its prediction changed",
    (
        ARM,
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("runs", "int", "the arm's runs", "runs"),
        Column("flips", "int", "runs in which the prediction differs from the dense model's", "runs", "low"),
        Column("right_to_wrong", "int", "runs in which it went from right to wrong", "runs", "low"),
        Column("wrong_to_right", "int", "runs in which it went from wrong to right", "runs", "high"),
    ),
)
