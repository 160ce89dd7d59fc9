"""The published table of LeNet5-Mini on MNIST, as far as its cells have 45 sets: about 28 hours of one core.

It goes on where it was stopped, and writes what comes out to ``docs/analyses/retrain_correlation_mnist.csv``, to be
committed. MNIST is looked for in ``PRUNEVIZ_MNIST``, else in ``data/mnist`` (``pruneviz fetch mnist --to data``).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pruneviz.api import read_study

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "analyses" / "retrain_correlation_mnist.csv"

# τ between pruned train loss and final test accuracy (Feng, Tao & Wang 2024, the table of LeNet5-Mini on MNIST).
PUBLISHED = {("conv1", 0.2): -0.60, ("conv1", 0.8): 0.24, ("conv2", 0.2): -0.76, ("conv2", 0.8): -0.44}
# τ of 45 sets in one dense model: theirs and ours are two, so the difference has twice the spread of one.
TOLERANCE = 0.3


def study_settings(folder: Path) -> list[str]:
    where = "analyses.retrain_correlation"
    cells = [f'{where}.layers=["conv1", "conv2"]', f"{where}.ratios=[0.2, 0.8]", f"{where}.retrain=45"]
    return [f"data.source=idx:{folder}", "model.replicates=1", *cells]


def test_what_would_be_run_is_the_published_schedule() -> None:
    """Without MNIST: the settings, of which a slip would cost a day."""
    asked = read_study("retrain_correlation_mnist", settings=study_settings(Path("/nowhere")))
    (analysis,), _ = asked._analyses()
    train = asked.spec.trains[0]
    assert (train.epochs, train.batch_size, train.lr, train.gamma, train.momentum) == (30, 256, 0.01, 0.1, 0.9)
    assert train.weight_decay == 1e-4
    retraining = analysis.train
    steps = 30 * 235  # 60,000 images in batches of 256
    assert round(retraining["milestones"][0] * steps) == 20 * 235
    assert (retraining["epochs"], retraining["lr"], retraining["gamma"]) == (30, 0.001, 0.1)
    assert (analysis.layers, analysis.ratios, analysis.repeats, analysis.last) == (("conv1", "conv2"), (0.2, 0.8), 3, 5)
    assert asked.spec.data.size == (32, 32)
    assert asked.spec.data.val_fraction == 0


@pytest.mark.science
def test_the_published_tau_of_conv1_and_conv2_at_both_ends() -> None:
    folder = Path(os.environ.get("PRUNEVIZ_MNIST", ROOT / "data" / "mnist")).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs MNIST in {folder}: pruneviz fetch mnist --to data, or PRUNEVIZ_MNIST")
    asked = read_study("retrain_correlation_mnist", settings=study_settings(folder))
    study = asked.run(ROOT / "runs" / "retrain_correlation_mnist", executor="local")
    models = study.table("retrain_correlation_models")
    models.drop(columns="run_id").to_csv(RESULTS, index=False, float_format="%.4f")
    rows = models[models["outcome"] == "test_accuracy"].set_index(["layer", "ratio"])
    assert (rows["retrained"] == 45).all()
    ours = {cell: float(rows.loc[cell, "tau_published"]) for cell in PUBLISHED}
    assert ours == pytest.approx(PUBLISHED, abs=TOLERANCE)
