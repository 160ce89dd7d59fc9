"""Study files: what they mean, and what is refused with its place and a remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pruneviz.core.errors import SpecError, UsageError
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice, StudySpec, load_study, merge, parse_setting, study_from_plain

PLAIN: dict[str, Any] = {
    "name": "mine",
    "model": {"source": "sample:lenet5-fashion"},
    "data": {"source": "sample:fashion"},
    "train": {"epochs": 2},
    "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
}


ALSO: dict[str, Any] = {"methods": ["snip"], "sparsities": [0.8]}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    table = copy.deepcopy(PLAIN)
    change(table)
    return table


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        name = "mine"
        [model]
        source = "my_pkg.nets:resnet"
        checkpoint = "weights.safetensors"
        [data]
        source = "cifar:data/cifar-10-batches-bin"
        mean = [0.485, 0.456, 0.406]
        std = [0.229, 0.224, 0.225]
        val_fraction = 0.1
        [train]
        epochs = 10
        batch_size = 128
        optimizer = "sgd"
        lr = 0.05
        schedule = "cosine"
        keep_steps = [0, 100]
        [prune]
        methods = ["random", "magnitude", {name = "taylor", allocation = "uniform"}]
        sparsities = [0.5, 0.8, "90%", "20x"]
        seeds = 3
        [recover]
        recoveries = ["none", {name = "finetune", epochs = 2, lr = 0.01}]
        [analyses]
        prediction_changes = {}
        """
    )
    study = load_study(file)
    assert study.models[0].label == "resnet"
    assert study.models[0].checkpoint == str(tmp_path / "weights.safetensors")
    assert study.data.source == f"cifar:{tmp_path / 'data/cifar-10-batches-bin'}"
    assert study.data.mean == (0.485, 0.456, 0.406)
    assert study.trains[0].keep_steps == (0, 100)
    assert study.swept == ()
    assert study.prune.methods[2] == Choice("taylor", {"allocation": "uniform"})
    assert study.prune.sparsities == (
        Target("sparsity", 0.5), Target("sparsity", 0.8), Target("sparsity", 0.9), Target("parameters", 0.05)
    )  # fmt: skip
    assert study.recover.recoveries[1] == Choice("finetune", {"epochs": 2, "lr": 0.01})
    assert study.analyses == (Choice("prediction_changes", {}),)


def test_lists_under_train_sweep() -> None:
    study = study_from_plain(changed(lambda t: t["train"].update(lr=[0.1, 0.01], batch_size=[32, 64])), "s")
    assert set(study.swept) == {"lr", "batch_size"}
    assert {(t.lr, t.batch_size) for t in study.trains} == {(0.1, 32), (0.1, 64), (0.01, 32), (0.01, 64)}
    assert all(t.epochs == 2 for t in study.trains)


def test_a_list_field_is_swept_by_a_list_of_lists() -> None:
    assert study_from_plain(changed(lambda t: t["train"].update(keep_steps=[0, 5])), "s").swept == ()
    swept = study_from_plain(changed(lambda t: t["train"].update(keep_steps=[[0], [5]])), "s")
    assert [t.keep_steps for t in swept.trains] == [(0,), (5,)]


def test_several_models() -> None:
    def two(table: dict[str, Any]) -> None:
        table["models"] = [table.pop("model"), {"source": "a.b:c", "name": "other"}]

    study = study_from_plain(changed(two), "s")
    assert [m.label for m in study.models] == ["lenet5-fashion", "other"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(metod=1), ["s: key", "metod", "Did you mean"]),
        (lambda t: t.update(name="a/b"), ["s: name", "a/b"]),
        (lambda t: t.update(name="../up"), ["s: name"]),
        (lambda t: t.update(name=""), ["s: name"]),
        (lambda t: t.update(task="text"), ["s: task", "image-classification"]),
        (lambda t: t.pop("model"), ["s: [model]", "[[models]]"]),
        (lambda t: t.update(models=[{"source": "x"}]), ["s: [model]", "one [model] table"]),
        (lambda t: t.pop("data"), ["s: [data]", "sample:fashion"]),
        (lambda t: t["model"].pop("source"), ["[model]", "source"]),
        (lambda t: t["model"].update(sourc="x"), ["[model]", "'sourc'", "'source'"]),
        (lambda t: t["model"].update(options=3), ["[model] options", "3"]),
        (lambda t: t["model"].update(name="a\nb"), ["model name", "printable"]),
        (lambda t: t["model"].update(name="a" * 101), ["model name", "100 characters"]),
        (lambda t: t["data"].update(mean=[0.5]), ["[data] mean, std", "both"]),
        (lambda t: t["data"].update(val_fraction=1), ["[data] val_fraction", "< 1"]),
        (lambda t: t["data"].update(size=[32]), ["[data] size", "height and width"]),
        (lambda t: t["train"].update(epoch=1), ["[train]", "'epoch'", "'epochs'"]),
        (lambda t: t["train"].update(lr=[]), ["[train] lr", "at least one"]),
        (lambda t: t["train"].update(optimizer="agd"), ["[train] optimizer", "sgd"]),
        (lambda t: t["prune"].update(sparsities=[]), ["[prune] sparsities", "at least one"]),
        (lambda t: t["prune"].update(sparsities=[0.5, 90]), ["[prune] sparsities[1]", "90", '"90%"']),
        (lambda t: t["prune"].update(sparsities=0.5), ["[prune] sparsities", "a list", "[0.5]"]),
        (lambda t: t["prune"].update(methods="magnitude"), ["[prune] methods", "a list", "['magnitude']"]),
        (lambda t: t["prune"].update(methods=[{"allocation": "erk"}]), ["[prune] methods[0]", "a name"]),
        (lambda t: t["prune"].update(seeds=0), ["[prune] seeds", "≥ 1"]),
        (lambda t: t.update(recover={"recoveries": "none"}), ["[recover] recoveries", "a list"]),
        (lambda t: t.update(name="a\nb"), ["s: name", "printable"]),
        (lambda t: t.update(name=" a"), ["s: name", "space"]),
        (lambda t: t.update(name="😀" * 60), ["s: name", "200 bytes"]),
        (lambda t: t.update(analyses=["a"]), ["[analyses]", "a table", "prediction_changes = {}"]),
        (lambda t: t.update(recover={"recoveries": []}), ["[recover] recoveries", "at least one", '["none"]']),
        (lambda t: t["train"].update(lr=float("inf")), ["[train] lr", "got inf", "number > 0"]),
        (lambda t: t["data"].update(mean=[float("-inf")], std=[1]), ["[data] mean", "got -inf"]),
        (lambda t: t.update(also={}), ["[[also]]", "a list"]),
        (lambda t: t.update(also=[{"methods": ["snip"]}]), ["[[also]] 1:", "'sparsities'"]),
        (lambda t: t.update(also=[{"methods": [], "sparsities": [0.5]}]), ["[[also]] 1: methods", "at least one"]),
        (
            lambda t: t.update(also=[{**ALSO, "models": ["lenet"]}]),
            ["[[also]] 1: models", "'lenet'", "'lenet5-fashion'"],
        ),
        (lambda t: t.update(also=[ALSO, {**ALSO, "replicates": [0, 7]}]), ["[[also]] 2: replicates", "got 7"]),
        (lambda t: t.update(measure={"batch_size": 0}), ["[measure] batch_size", "≥ 1"]),
    ],
)
def test_refusals_name_the_place(change: Callable[[dict[str, Any]], Any], words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        study_from_plain(changed(change), "s")
    for word in words:
        assert word in str(caught.value)


def test_two_models_of_one_name_are_refused() -> None:
    def twice(table: dict[str, Any]) -> None:
        table["models"] = [table.pop("model")] * 2

    with pytest.raises(SpecError, match="different name for each"):
        study_from_plain(changed(twice), "s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train.epochs=3", {"train": {"epochs": 3}}),
        ("train.lr = 0.5", {"train": {"lr": 0.5}}),
        ('name="a"', {"name": "a"}),
        ("train.optimizer=adam", {"train": {"optimizer": "adam"}}),
        ("prune.sparsities=[0.5, '90%']", {"prune": {"sparsities": [0.5, "90%"]}}),
        ("data.source=npz:a=b.npz", {"data": {"source": "npz:a=b.npz"}}),
        ("measure.latency=false", {"measure": {"latency": False}}),
    ],
)
def test_settings(text: str, expected: dict[str, Any]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["", "train.epochs", "=3", "train.=3", ".a=1"])
def test_settings_without_key_or_sign_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--set"):
        parse_setting(text)


def test_merge_lays_tables_over_tables() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "d": {"e": 1}}) == {
        "a": {"b": 9, "c": 2},
        "d": {"e": 1},
    }


@pytest.fixture
def quick_file(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(
        '[model]\nsource="a.b:c"\n[data]\nsource="sample:digits"\n[train]\nepochs=9\n[quick.train]\nepochs=1\n'
    )
    return path


def test_quick_and_settings_are_laid_over_in_this_order(quick_file: Path) -> None:
    def epochs(study: StudySpec) -> int:
        return study.trains[0].epochs

    assert epochs(load_study(quick_file)) == 9
    assert epochs(load_study(quick_file, quick=True)) == 1
    assert epochs(load_study(quick_file, ["train.epochs=5"], quick=True)) == 5


def test_quick_without_a_small_variant(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[model]\nsource="a.b:c"\n[data]\nsource="sample:digits"\n')
    with pytest.raises(UsageError, match=r"no \[quick\] table"):
        load_study(path, quick=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such study file"),
        (b"a = [", "not valid TOML"),
        (b"\xff\xfe", "cannot be read"),
        ('name = "a"'.encode("utf-16"), "UTF-8"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        load_study(path)
    assert "s.toml" in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(quick_file: Path) -> None:
    plain = load_study(quick_file)
    quick_file.write_bytes(b"\xef\xbb\xbf" + quick_file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_study(quick_file) == plain


def test_relative_paths_follow_the_file_and_settings_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = tmp_path / "a b" / "s.toml"
    file.write_text(
        '[[models]]\nname="x"\nsource="m:f"\ncheckpoint="../w.pt"\n'
        '[[models]]\nname="y"\nsource="m:f"\ncheckpoint="~/w.pt"\n[data]\nsource="folder:photos"\n'
    )
    study = load_study(file)
    assert study.data.source == f"folder:{tmp_path / 'a b' / 'photos'}"
    assert [m.checkpoint for m in study.models] == [str(tmp_path / "w.pt"), str(tmp_path / "home" / "w.pt")]
    assert load_study(file, ["data.source=npz:d.npz"]).data.source == f"npz:{tmp_path / 'here' / 'd.npz'}"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a\\u0000b"])
def test_a_path_that_leads_nowhere_names_its_place(tmp_path: Path, path: str) -> None:
    file = tmp_path / "s.toml"
    file.write_text(f'[model]\nsource="m:f"\ncheckpoint="{path}"\n[data]\nsource="sample:digits"\n')
    with pytest.raises(SpecError, match=r"s\.toml: \[model\] checkpoint.*leads nowhere"):
        load_study(file)


def test_an_error_of_a_setting_names_the_setting(quick_file: Path) -> None:
    with pytest.raises(SpecError, match=r"s\.toml with --set train\.epochs=x: \[train\] epochs: got 'x'"):
        load_study(quick_file, ["train.epochs=x"])
