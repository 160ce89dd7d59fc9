"""Models that were pruned elsewhere, side by side: what is found, what is counted, what is refused."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch_pruning
from torch import nn
from torch.nn.utils import prune

import pruneviz as pv
from pruneviz import models
from pruneviz.core.errors import ModelError, PrunevizError, SpecError
from pruneviz.core.spec import ModelSpec, study_from_plain
from pruneviz.measures.changes import mcnemar
from pruneviz.measures.statistics import holm
from pruneviz.study.patterns import pattern_of

Nets = dict[str, nn.Module]
LIMITS = {"data_options": {"test_limit": 200, "train_limit": 200}, "measure": {"latency_seconds": 0.001}}


def dense() -> nn.Module:
    return models.build(ModelSpec("sample:mlp-digits"), 0)


def l1(amount: float = 0.8) -> nn.Module:
    net = dense()
    for layer in (net.fc1, net.fc2):
        prune.l1_unstructured(layer, "weight", amount=amount)
    return net


def mlp(*hidden: int) -> nn.Module:
    from pruneviz_samples.nets import MLP

    torch.manual_seed(1)
    return MLP(hidden=hidden)


def compare(nets: dict[str, Any], store: Path, **more: Any) -> Any:
    return pv.compare(
        nets,
        "sample:digits",
        store=store,
        device="cpu",
        **{"analyses": ("prediction_changes",), "others": False, **LIMITS, **more},
    )


@pytest.fixture(scope="module")
def nets() -> dict[str, Any]:
    deep = nn.Sequential(nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10))
    return {"dense": dense(), "l1": l1(), "cut": mlp(60, 20), "deep": deep}


@pytest.fixture(scope="module")
def study(nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compare(nets, tmp_path_factory.mktemp("compared"), analyses=("calibration",), others=True)


def test_a_run_for_each_model_against_the_reference(study: Any, nets: dict[str, Any]) -> None:
    runs = study.runs.set_index("name")
    assert list(runs["status"]) == ["done"] * 4, study.failed
    assert list(runs["method"]) == ["dense", "l1", "cut", "deep"]
    assert set(runs["dense_run_id"]) == {runs.loc["dense", "run_id"]}
    assert runs["train_steps"].isna().all()
    data = models_data(study)
    for name, net in nets.items():
        with torch.no_grad():
            predicted = net.eval()(data.preprocess(data.test.images)).argmax(1).numpy()
        rows = study.table("samples", [runs.loc[name, "run_id"]])
        assert np.array_equal(rows["prediction"], predicted)
        assert runs.loc[name, "accuracy"] == (predicted == data.test.labels).mean()


def models_data(study: Any) -> Any:
    from pruneviz import data
    from pruneviz.core.options import build
    from pruneviz.core.spec import DataSpec

    return data.load(build(DataSpec, study.spec["data"], "data"))


def test_what_was_found_is_told_layer_by_layer(study: Any) -> None:
    found = study.table("given").merge(study.runs[["run_id", "name"]], on="run_id").set_index(["name", "layer"])
    assert found.loc[("l1", "fc1.weight"), ["found", "pattern", "removed"]].tolist() == [
        "torch.nn.utils.prune",
        "single weights",
        5120,
    ]
    assert found.loc[("l1", "fc3.weight"), ["found", "pattern", "removed"]].tolist() == ["nothing removed", "", 0]
    cut = found.loc[("cut", "fc2.weight")]
    assert cut[["found", "pattern", "shape", "reference_shape"]].tolist() == [
        "smaller shape",
        "channels",
        "20×60",
        "50×100",
    ]
    assert cut[["entries", "removed"]].tolist() == [5000, 3800]
    deep = found.loc["deep"]
    assert deep["reference_shape"].isna().all()
    assert deep["removed"].eq(0).all()


def test_costs_are_told_by_the_reference_where_layers_correspond(study: Any) -> None:
    runs = study.runs.set_index("name")
    prunable, whole = 64 * 100 + 100 * 50 + 50 * 10, sum(p.numel() for p in dense().parameters())
    assert runs.loc["l1", "parameters_nonzero"] == whole - 5120 - 4000
    assert runs.loc["l1", "unit"] == "weight"
    kept = 64 * 60 + 60 * 20 + 20 * 10
    cut = runs.loc["cut"]
    assert (cut["parameters"], cut["parameters_prunable"], cut["macs_dense"]) == (whole, prunable, prunable)
    assert (cut["parameters_cut"], cut["parameters_nonzero"]) == (kept + 90, kept + 90)
    assert (cut["macs"], cut["macs_cut"], cut["unit"]) == (kept, kept, "channel")
    assert cut["density"] == pytest.approx(kept / prunable)
    assert cut["sparsity_achieved"] == pytest.approx(1 - 80 / 150)
    deep = runs.loc["deep"]
    assert deep["density"] == 1  # another architecture is told by itself
    assert deep["parameters"] == deep["parameters_nonzero"] == 64 * 30 + 30 + 310
    layers = study.table("layers", [cut["run_id"]]).set_index("layer")
    assert layers.loc["fc1.weight", ["shape", "kept", "channels", "channels_kept"]].tolist() == [
        "100×64",
        3840,
        100,
        60,
    ]
    variants = study.table("timings").query("kind == 'latency'").groupby("run_id", observed=True)["variant"].apply(set)
    assert [variants[runs.loc[n, "run_id"]] for n in runs.index] == [{"dense"}, {"masked"}, {"cut"}, {"dense"}]


def test_statistics_are_paired_on_the_same_images(study: Any) -> None:
    runs = study.runs.set_index("name")
    table = study.table("prediction_changes").set_index("run_id")
    samples = study.table("samples").pivot(index="sample_id", columns="run_id", values=["prediction", "label"])
    right = samples["prediction"].to_numpy() == samples["label"].to_numpy()
    columns = list(samples["prediction"].columns)
    before = right[:, columns.index(runs.loc["dense", "run_id"])]
    for name in ("l1", "cut", "deep"):
        row = table.loc[runs.loc[name, "run_id"]]
        after = right[:, columns.index(runs.loc[name, "run_id"])]
        lost, gained = int((before & ~after).sum()), int((~before & after).sum())
        assert (row["right_to_wrong"], row["wrong_to_right"]) == (lost, gained)
        assert row["p"] == pytest.approx(float(mcnemar(np.array([lost]), np.array([gained]))[0]))
        assert row["accuracy_difference"] == pytest.approx(after.mean() - before.mean())


def test_a_model_with_its_classes_in_another_order_is_asked_for_them(tmp_path: Path) -> None:
    rolled = dense()
    with torch.no_grad():
        for p in rolled.fc3.parameters():
            p.copy_(p.roll(1, 0))
    study = compare({"dense": dense(), "l1": l1(), "rolled": rolled}, tmp_path / "s")
    (warned,) = study.warnings().items()
    assert warned[0] == study.runs["run_id"][2]
    assert "not above the 10.0% of naming the most frequent class: does it order its classes" in warned[1][0]


def test_analyses_that_make_no_sense_are_named_with_the_reason(study: Any) -> None:
    assert {"prediction_changes", "calibration"} <= set(study.findings())
    assert "prunes nothing" in study.unfit()["pq_index"]
    assert study.unfit()["retrain_correlation"].endswith(".")
    assert not set(study.findings()) & set(study.unfit())


@pytest.mark.filterwarnings("ignore")
def test_a_report_tells_what_was_found_and_what_was_left_out(study: Any, tmp_path: Path) -> None:
    from pruneviz.report import write_report

    write_report(study, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    for words in (
        "nothing was pruned here",
        "What was found removed, layer by layer",
        "20×60",
        "Analyses that these models do not have, and why",
        "the study prunes nothing, so the index has no course",
        "models compared",
    ):
        assert words in page
    bare = re.sub("<[^>]*>", " ", page)
    assert not re.search(r"(l1|cut|deep)\W+as given", bare)
    assert "what was asked to be removed" not in page  # nobody knows it: no column of targets
    assert "&lt;NA&gt;" not in page


def test_a_report_marks_the_models_that_differ_from_the_reference(study: Any) -> None:
    from pruneviz.report.compose import Wanted, compose
    from pruneviz.report.content import Table

    made = compose(study, Wanted(), ".pdf").report
    (table,) = [b for s in made.sections for b in s.blocks if isinstance(b, Table) and b.name == "comparison"]
    at = [c.title for c in table.columns].index("Against dense")
    cells = {r.cells[0].text.removeprefix("★ "): r.cells[at] for r in table.rows}
    changes = study.table("prediction_changes")
    changes = changes[changes["kind"] == "pruned"].set_index("run_id")
    names = study.runs.set_index("run_id")["method"]
    adjusted = dict(zip(changes.index, holm(list(changes["p"])), strict=True))
    assert any(p < 0.05 for p in adjusted.values())
    for run_id, row in changes.iterrows():
        cell = cells[names[run_id]]
        assert cell.value == row["accuracy_difference"]
        assert cell.mark == ("*" if adjusted[run_id] < 0.05 else "")
        assert f"{100 * row['accuracy_difference_high']:.2f}".lstrip("-") in cell.below
    assert any("McNemar's exact test, Holm over" in note for note in table.notes)


def test_channels_removed_are_counted_alike_however_the_cut_is_known(tmp_path: Path) -> None:
    whole, gone = dense(), [*range(50)]  # half of fc1, nothing of fc2: 50 of 150 channels
    cut = copy.deepcopy(whole)
    graph = torch_pruning.DependencyGraph().build_dependency(cut, torch.zeros(1, 1, 8, 8))
    graph.get_pruning_group(cut.fc1, torch_pruning.prune_linear_out_channels, gone).prune()
    torch.save({"model": cut.state_dict(), "pruning": graph.pruning_history()}, tmp_path / "cut.pt")
    zeroed = copy.deepcopy(whole)
    with torch.no_grad():
        zeroed.fc1.weight[gone], zeroed.fc1.bias[gone] = 0, 0
    given = {"dense": whole, "history": f"sample:mlp-digits@{tmp_path / 'cut.pt'}", "own": cut, "zeros": zeroed}
    runs = compare(given, tmp_path / "s").runs.set_index("name")
    assert runs.loc[["history", "own", "zeros"], "sparsity_achieved"].to_numpy() == pytest.approx(1 / 3)
    assert set(runs.loc[["history", "own", "zeros"], "unit"]) == {"channel"}


def test_the_given_modules_stay_as_they_are(nets: dict[str, Any], study: Any) -> None:
    assert prune.is_pruned(nets["l1"])
    assert set(nets["l1"].fc1._parameters) == {"weight_orig", "bias"}


def test_going_on_reuses_what_is_done_and_sees_what_changed(tmp_path: Path) -> None:
    given = {"dense": dense(), "mine": l1()}
    events: list[str] = []

    def run() -> Any:
        events.clear()
        return compare(given, tmp_path / "s", listener=lambda e: events.append(e.title))

    first = run().runs
    assert run().runs.equals(first)
    assert not events
    with torch.no_grad():
        given["mine"].fc3.weight.mul_(2)
    again = run().runs
    assert again["run_id"][0] == first["run_id"][0]
    assert again["run_id"][1] != first["run_id"][1]
    assert not [t for t in events if "dense" in t]
    with pytest.raises(ModelError, match="memory:mine was not given"):
        pv.compare({"dense": given["dense"], "mine": {"source": "memory:mine"}}, "sample:digits", store=tmp_path / "s")
    assert len(pv.open(tmp_path / "s").runs) == 2  # opening needs no module


def test_replicates_are_compared_by_their_number(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = [mlp(30, 20), dense(), mlp(100, 50)]
    pruned = [copy.deepcopy(n) for n in whole]
    for net in pruned:
        with torch.no_grad():
            net.fc1.weight[::2] = 0
    study = compare({"dense": whole, "mine": pruned}, tmp_path / "s")
    runs = study.runs
    assert list(runs["name"]) == ["dense #0", "dense #1", "dense #2", "mine #0", "mine #1", "mine #2"]
    own = runs[runs["method"] == "mine"]
    assert list(own["dense_run_id"]) == list(runs["run_id"][:3])
    arms = study.table("prediction_changes_arms")
    assert int(arms.loc[arms["method"] == "mine", "dense_models"].iloc[0]) == 3
    with pytest.raises(SpecError, match=r"'mine' replicates: got 2; allowed: replicates that 'dense' has: 0, 1"):
        pv.new_comparison({"dense": whole[:2], "mine": pruned}, "sample:digits")


def test_another_reference_and_a_reference_that_was_pruned_itself(tmp_path: Path) -> None:
    study = compare({"half": l1(0.5), "most": l1(0.9)}, tmp_path / "s", reference="half")
    runs = study.runs.set_index("name")
    assert runs.loc["half", "method"] == "dense"
    assert "'dense' in tables and sentences means this model" in study.warnings()[runs.loc["half", "run_id"]][0]


def wrong_classes() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))


def wrong_inputs() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))


TASK = "Models are compared on one task: the same inputs and classes for all."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda: {"dense": dense(), "mine": wrong_classes()}, ["model 'mine'", "(1, 7)", "10 classes", TASK]),
        (lambda: {"dense": wrong_classes(), "mine": dense()}, ["model 'dense'", "(1, 7)", TASK]),
        (lambda: {"dense": dense(), "mine": wrong_inputs()}, ["model 'mine'", "(1, 1, 8, 8)", "3 channels", TASK]),
        (lambda: {"dense": dense(), "mine": 3}, ["memory:mine is int", "torch.nn.Module"]),
        (lambda: {"dense": dense()}, ["two models or more"]),
        (lambda: {"a": dense(), "b": l1()}, ["[compare] reference", "'dense'", "a, b", "Call one of them 'dense'"]),
        (
            lambda: {"dense": dense(), "mine": "w.pt"},
            ["'w.pt'", "which architecture", "mine=package.module:factory@w.pt"],
        ),
        (lambda: {"dense": dense(), "mine": "sample:mlp-digits@no.pt"}, ["no.pt", "no such checkpoint"]),
        (lambda: {"dense": dense(), "": l1()}, ["model name", "got ''"]),
        (lambda: {"dense": dense(), "a\nb": l1()}, ["model name", "printable"]),
        (lambda: {"dense": dense(), "mine": "own_models:tiny"}, ["'own_models:tiny' without weights", "tiny@FILE"]),
        (lambda: {"dense": dense(), "mine": {"source": "own_models:tiny"}}, ["'mine'", "with its weights"]),
        (lambda: {"dense": dense(), "data": l1(), "x": l1(0.1)}, ["'data'"]),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    given: Callable[[], Nets], words: list[str], tmp_path: Path
) -> None:
    nets = given()
    data: Any = "sample:digits"
    if "data" in nets:
        data = (np.zeros((4, 8, 8), np.uint8), np.arange(4))
    with pytest.raises(PrunevizError) as e:
        pv.compare(nets, data, store=tmp_path / "s", device="cpu")
    for word in words:
        assert word in str(e.value)
    assert not (tmp_path / "s").exists()


def test_two_names_for_one_file_are_refused() -> None:
    twice = {"dense": dense(), "a": "sample:mlp-digits", "b": "sample:mlp-digits"}
    with pytest.raises(SpecError, match=r"\['a', 'b'\]; allowed: models that differ in more than their name"):
        pv.new_comparison(twice, "sample:digits").dry_run()


def table(**changed: Any) -> dict[str, Any]:
    named = [{"name": n, "source": "sample:mlp-digits", "checkpoint": f"{n}.pt"} for n in ("dense", "a")]
    return {"compare": {}, "models": named, "data": {"source": "sample:digits"}, **changed}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"prune": {"methods": ["magnitude"], "sparsities": [0.5]}}, ["[prune]", "Leave [compare] out"]),
        ({"train": {"epochs": 1}}, ["[train]", "beside [compare]"]),
        ({"compare": {"referenc": "a"}}, ["[compare]", "Did you mean 'reference'"]),
        ({"compare": {"reference": "a"}}, ["[[models]] name", "'dense'", "the reference alone"]),
        ({"compare": 3}, ["[compare]"]),
    ],
)
def test_what_a_study_file_may_not_say_beside_compare(changed: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SpecError) as e:
        study_from_plain(table(**changed), "x.toml")
    for word in ["x.toml", *words]:
        assert word in str(e.value)


def test_a_history_belongs_to_a_comparison() -> None:
    plain = table()
    del plain["compare"]
    plain["models"][1]["history"] = "h.json"
    with pytest.raises(SpecError, match=r"'a' history: got 'h.json'; allowed: only in a study with \[compare\]"):
        study_from_plain(plain, "x.toml")


def test_frozen_weights_are_no_obstacle(tmp_path: Path) -> None:
    frozen = l1().requires_grad_(False)
    study = compare({"dense": dense(), "mine": frozen}, tmp_path / "s")
    assert list(study.runs["status"]) == ["done", "done"], study.failed
    assert not frozen.fc1.bias.requires_grad


def test_test_images_alone_are_enough(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    data = (images, np.arange(60) % 10)
    how = {"data_options": {"mean": [0.5], "std": [0.25]}, "measure": {"latency": False}}
    study = pv.compare({"dense": dense(), "l1": l1()}, data, store=tmp_path / "s", **how)
    assert list(study.runs["status"]) == ["done", "done"]
    assert study.runs["val_accuracy"].isna().all()


def shifted(*group: int) -> Any:
    """Rows that keep the same of every group, each from another place on."""
    return np.stack([np.roll(np.tile(group, 16 // len(group)), i) for i in range(8)])


@pytest.mark.parametrize(
    ("kept", "pattern"),
    [
        (np.ones((4, 8)), ""),
        (shifted(1, 1, 0, 0), "2:4"),
        (shifted(1, 0, 1, 0), "2:4"),
        (shifted(1, 0, 0, 0), "1:4"),
        (shifted(1, 0, 0, 0, 0, 1, 1, 1), "4:8"),
        (np.repeat([[1], [0]], 8, 1).repeat(2, 0), "whole filters"),
        (np.repeat([[1, 0]], 8, 0), "whole inputs"),
        (np.eye(8), "single weights"),
        (np.stack([shifted(1, 1, 0, 0)] * 3, axis=2), "2:4"),  # along the inputs of a convolution
        (np.zeros((4, 8)), "whole filters"),
    ],
)
def test_the_pattern_in_which_weights_went(kept: Any, pattern: str) -> None:
    assert pattern_of(kept.astype(np.bool_)) == pattern
