"""Bad input through the command line: a clear error before any training starts, and nothing is lost.

Every case is run into a store that holds a finished study, which must stay as it is, with training made impossible.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pruneviz_apps import cli

NETS = '''
import sys
import torch
from torch import nn


def mlp(width=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


class Odd(nn.Module):
    """Gives something else than logits, always or in one mode."""

    def __init__(self, what, train=True, test=True):
        super().__init__()
        self.net, self.what, self.modes = mlp(), what, (train, test)

    def forward(self, x):
        y = self.net(x)
        if not self.modes[0 if self.training else 1]:
            return y
        if self.what == "raise":
            raise RuntimeError("the user's own mistake")
        return {"tuple": (y, y), "dict": {"logits": y}, "nan": y * float("nan"), "few": y[:, :4], "flat": y.sum(1)}[
            self.what
        ]


def tied():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
    net[2].weight = net[1].weight
    return net


def frozen():
    net = mlp()
    net[1].weight.requires_grad_(False)
    return net


def half():
    return mlp().half()


def lazy():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))


def weightless():
    return nn.Sequential(nn.AdaptiveAvgPool2d((1, 10)), nn.Flatten())


def colour():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))


def meta():
    return mlp().to("meta")


def exits():
    sys.exit("usage: train.py")


def no_module():
    return 3
'''
TABLES = {
    "": 'name = "s"',
    "model": 'source = "bad_nets:mlp"',
    "data": 'source = "sample:digits"\ntrain_limit = 100\ntest_limit = 50',
    "train": "epochs = 1",
    "prune": 'methods = ["magnitude"]\nsparsities = [0.5]',
    "recover": 'recoveries = ["none"]',
    "measure": "latency = false",
}
WAYS = ["--executor", "inline", "--device", "cpu"]


def study(**changed: str) -> str:
    """A study file, some of its tables replaced; ``_`` is what stands before the first."""
    tables = {**TABLES, **{("" if k == "_" else k): v for k, v in changed.items()}}
    return "\n".join(f"[{name}]\n{body}" if name else body for name, body in tables.items())


def methods(text: str) -> dict[str, str]:
    return {"prune": f"methods = [{text}]\nsparsities = [0.5]"}


def sparsity(text: str) -> dict[str, str]:
    return {"prune": f'methods = ["magnitude"]\nsparsities = [{text}]'}


def odd(what: str, **options: bool) -> dict[str, str]:
    given = ", ".join([f'what = "{what}"', *(f"{k} = {str(v).lower()}" for k, v in options.items())])
    return {"model": f'source = "bad_nets:Odd"\noptions = {{{given}}}'}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("a folder")
    (made / "bad_nets.py").write_text(NETS)
    return made


@pytest.fixture(scope="module")
def store(folder: Path) -> Path:
    """A store that holds a finished study of the same name as all the bad ones."""
    (folder / "good.toml").write_text(study())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        assert cli.main(["run", "good.toml", "--store", "st", *WAYS]) == 0
    return folder / "st"


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training is impossible."""
    from pruneviz.training import recovering, trainer

    def train(*_: Any, **__: Any) -> None:
        raise AssertionError("something was trained")

    monkeypatch.setattr(trainer, "train", train)
    monkeypatch.setattr(recovering, "train", train)


def contents(root: Path) -> dict[str, str]:
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and p.parent.name != "leases")
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def refused(store: Path, untrained: None, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., str]]:
    """Run a study that must be refused; gives what was said."""
    before = contents(store)

    def run(text: str | bytes, code: int, *words: str, file: str = "bad.toml", more: tuple[str, ...] = ()) -> str:
        Path(file).write_bytes(text if isinstance(text, bytes) else text.encode())
        capsys.readouterr()
        assert cli.main(["run", file, "--store", "st", *WAYS, *more]) == code
        assert cli.main(["run", file, "--store", "new", *WAYS, *more]) == code
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert "unexpected" not in said[:20]
        assert "Traceback" not in said
        for word in words:
            assert word in said
        assert not Path("new").exists()
        return said

    yield run
    assert contents(store) == before


# -- what the study file says


USAGE: list[tuple[dict[str, str], list[str]]] = [
    (methods('"magnitud"'), ["[prune] methods[0]", "'magnitud'", "allowed: ", "taylor", "Did you mean 'magnitude'"]),
    (methods('{name = "magnitude", score = "tailor"}'), ["methods[0] score", "'tailor'", "Did you mean 'taylor'"]),
    (methods('{name = "magnitude", allocation = "unifrom"}'), ["methods[0] allocation", "Did you mean 'uniform'"]),
    (methods('{name = "magnitude", schedule = "gradul"}'), ["methods[0] schedule", "Did you mean 'gradual'"]),
    (methods('{name = "magnitude", unit = "chanel"}'), ["methods[0] unit", "Did you mean 'channel'"]),
    (methods('{name = "taylor", sampls = 3}'), ["methods[0]", "'sampls'", "Did you mean 'samples'"]),
    (methods('"random", {nam = "taylor"}'), ["methods[1]", "{'nam': 'taylor'}", "{name = "]),
    (methods("3"), ["methods[0]", "got 3", 'such as "magnitude"']),
    ({"prune": 'methods = "magnitude"\nsparsities = [0.5]'}, ["methods", "allowed: a list", "Write ['magnitude']"]),
    ({"prune": 'methods = ["magnitude"]'}, ["sparsities", "at least one"]),
    ({"prune": 'methods = ["magnitude"]\nsparsities = []'}, ["sparsities", "at least one"]),
    ({"prune": 'methods = ["magnitude"]\nsparsities = 0.5'}, ["sparsities", "a list", "Write [0.5]"]),
    ({"prune": TABLES["prune"] + "\nseeds = 0"}, ["[prune] seeds", "got 0", "≥ 1"]),
    ({"prune": TABLES["prune"] + '\nseeds = "3"'}, ["[prune] seeds", "got '3'", "whole number"]),
    ({"prune": TABLES["prune"] + "\nseed = 3"}, ["'seed'", "Did you mean 'seeds'"]),
    ({"prune": TABLES["prune"] + '\nexclude = "1"'}, ["[prune] exclude", "list of text", "Write ['1']"]),
    ({"prune": TABLES["prune"] + '\nexclude = ["4*"]'}, ["[prune] exclude[0]", "'4*'", "1.weight"]),
    (sparsity("90"), ["sparsities[0]", "got 90", 'Write "90%" or 0.9']),
    (sparsity("0.5, 1"), ["sparsities[1]", "got 1", "nothing would be left"]),
    (sparsity("-0.1"), ["got -0.1", "in [0, 1)"]),
    (sparsity('"110%"'), ["got '110%'", "At 100% nothing would be left"]),
    (sparsity('"0.5x"'), ["got '0.5x'", "1x or more"]),
    (sparsity("nan"), ["got nan", "in [0, 1)"]),
    (sparsity("inf"), ["got inf", "in [0, 1)"]),
    (sparsity('"half"'), ["got 'half'", "in [0, 1)"]),
    (sparsity("true"), ["got True", "in [0, 1)"]),
    (sparsity("{mac = 0.5}"), ["got 'mac'", "Did you mean 'macs'"]),
    (sparsity("{macs = 0}"), ["sparsities[0] macs", "got 0", "(0, 1]"]),
    ({"recover": 'recoveries = ["finetun"]'}, ["[recover] recoveries[0]", "Did you mean 'finetune'"]),
    ({"recover": 'recoveries = [{name = "finetune", epoch = 3}]'}, ["recoveries[0]", "Did you mean 'epochs'"]),
    ({"recover": 'recoveries = [{name = "finetune", lr = inf}]'}, ["recoveries[0]", "lr", "got inf"]),
    ({"recover": "recoveries = []"}, ["recoveries", "at least one", '["none"]']),
    ({"recover": 'recoveries = [{name = "lr-rewind", epochs = 9}]'}, ["epochs", "got 9", "1 to 1"]),
    ({"analyses": "prediction_change = {}"}, ["[analyses]", "Did you mean 'prediction_changes'"]),
    ({"analyses": "prediction_changes = {levl = 0.9}"}, ["prediction_changes", "Did you mean 'level'"]),
    ({"_": 'analyses = ["prediction_changes"]'}, ["[analyses]", "prediction_changes = {}"]),
    ({"prun": "x = 1"}, ["'prun'", "Did you mean 'prune'"]),
    ({"train": 'epochs = "10"'}, ["[train] epochs", "got '10'", "whole number"]),
    ({"train": "epoch = 1"}, ["[train]", "Did you mean 'epochs'"]),
    ({"train": "lr = nan"}, ["[train] lr", "got nan", "> 0"]),
    ({"train": "lr = []"}, ["[train] lr", "at least one value"]),
    ({"train": 'optimizer = "sdg"'}, ["[train] optimizer", "Did you mean 'sgd'"]),
    ({"train": "epochs = 1\nkeep_steps = [99]"}, ["[train] keep_steps", "got 99", "are 1 steps"]),
    ({"train": "epochs = 1\nwarmup_epochs = 5"}, ["[train] warmup_epochs", "at most epochs = 1"]),
    ({"_": 'name = "a/b"'}, ["name", "'a/b'", "without /"]),
    ({"_": f'name = "{"😀" * 60}"'}, ["name", "200 bytes"]),
    ({"model": 'source = "sample:lenet"'}, ["[model] source", "Did you mean 'lenet5-fashion'"]),
    ({"model": 'source = "bad_nets.mlp"'}, ["[model] source", '"package.module:name"']),
    ({"model": 'source = "bad_nets:mlp"\nname = ""\ncheckpoint = 3'}, ["[model] checkpoint", "got 3", "text"]),
    ({"model": 'source = "bad_nets:mlp"\nreplicates = 0'}, ["[model] replicates", "≥ 1"]),
    ({"model": 'source = "bad_nets:mlp"\noptions = {width = 1979-05-27}'}, ["[model] source: options", "texts"]),
    ({"model": 'source = "sample:mlp-digits"\noptions = {width = 3}'}, ["[model] options", "made already"]),
    ({"model": 'source = "sample:mlp-digits"\nreplicates = 9'}, ["[model] replicates", "at most 1"]),
    ({"data": 'source = "fashion"'}, ["data source", "'fashion'", 'Write "sample:fashion"']),
    ({"data": 'source = "sample:fashon"'}, ["data source", "Did you mean 'fashion'"]),
    ({"data": 'source = "foldr:photos"'}, ["data source", "Did you mean 'folder'"]),
    ({"data": 'source = "folder:~nobody-of-this-name/x"'}, ["[data] source", "leads nowhere"]),
    ({"data": 'source = "sample:digits"\nmean = [0.1]'}, ["[data] mean, std", "both"]),
    (
        {"data": 'source = "sample:digits"\nmean = [0.1, 0.2]\nstd = [1, 1]'},
        ["[data] mean", "1 numbers, one"],
    ),
    ({"data": 'source = "sample:digits"\nmean = [inf]\nstd = [1]'}, ["[data] mean", "got inf"]),
    ({"data": 'source = "sample:digits"\nsize = [8]'}, ["[data] size", "height and width"]),
    ({"data": 'source = "sample:digits"\ntrain_limit = 3'}, ["[data] train_limit", "each of 10 classes"]),
    ({"data": 'source = "sample:digits"\nval_fraction = 1'}, ["[data] val_fraction", "< 1"]),
    ({"measure": "latency_seconds = 0"}, ["[measure] latency_seconds", "> 0"]),
]


@pytest.mark.parametrize(("changed", "words"), USAGE, ids=lambda v: v[-1][:30] if isinstance(v, list) else "")
def test_what_a_study_may_not_say(refused: Callable[..., str], changed: dict[str, str], words: list[str]) -> None:
    refused(study(**changed), 2, "bad.toml", *words)


def test_models_of_one_name_or_that_are_the_same(refused: Callable[..., str]) -> None:
    tables = {k: v for k, v in TABLES.items() if k != "model"}
    rest = "\n".join(f"[{name}]\n{body}" for name, body in tables.items() if name)
    twice = '[[models]]\nsource = "bad_nets:mlp"\n'
    refused(twice * 2 + rest, 2, "[[models]] name", "['mlp', 'mlp']", "Give each a name")
    named = twice + 'name = "a"\n' + twice + 'name = "b"\n'
    refused(named + rest, 2, "bad.toml", "[[models]]", "['a', 'b']", "replicates = 2")
    refused(twice + "[model]\nsource = 'bad_nets:mlp'\n" + rest, 2, "one [model] table, or several [[models]]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe\x00", ["cannot be read as text in UTF-8"]),
        (b'name = "s\n', ["not valid TOML", "line 1"]),
        (study().encode("utf-16"), ["UTF-8"]),
        (b"", ["[model]"]),
    ],
)
def test_a_file_that_is_no_study(refused: Callable[..., str], text: bytes, words: list[str]) -> None:
    refused(text, 2, "bad.toml", *words)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.epoch=3", ["[train]", "Did you mean 'epochs'"]),
        ("train=3", ["[train]", "got 3", "a table"]),
        ("train.epochs=x", ["[train] epochs", "got 'x'"]),
        ("trian.epochs=1", ["'trian'", "Did you mean 'train'"]),
        ("epochs", ["--set", "key=value"]),
        ("prune.sparsities=[90]", ["sparsities[0]", 'Write "90%"']),
        ("data.source=folder:nowhere", ["data source", "there is no folder"]),
    ],
)
def test_settings(refused: Callable[..., str], setting: str, words: list[str]) -> None:
    refused(
        study(), 1 if "nowhere" in setting else 2, *words, "--set" if "=" in setting else "", more=("--set", setting)
    )


def test_quick_without_a_small_variant_and_a_device_that_is_not_there(refused: Callable[..., str]) -> None:
    refused(study(), 2, "bad.toml", "no [quick] table", more=("--quick",))
    if not torch.cuda.is_available():
        refused(study(train="epochs = 2"), 2, "device", "'cuda'", "allowed: cpu", more=("--device", "cuda"))


# -- models


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": 'source = "bad_nets:nlp"'}, ["[model] source", "no 'nlp'", "Did you mean 'mlp'"]),
        ({"model": 'source = "bad_net:mlp"'}, ["no module 'bad_net'", "Did you mean 'bad_nets'", "PYTHONPATH"]),
        ({"model": 'source = "bad_nets:mlp"\noptions = {widht = 3}'}, ["mlp(widht=3)", "TypeError"]),
        ({"model": 'source = "bad_nets:exits"'}, ["bad_nets:exits()", "SystemExit: usage: train.py"]),
        ({"model": 'source = "bad_nets:no_module"'}, ["returned int", "torch.nn.Module"]),
        ({"model": 'source = "bad_nets:tied"'}, ["1.weight and 2.weight are tied", "a weight of its own"]),
        ({"model": 'source = "bad_nets:frozen"'}, ["'1.weight' is frozen", "requires_grad_(True)"]),
        ({"model": 'source = "bad_nets:half"'}, ["'1.weight' is half precision", "net.float()"]),
        ({"model": 'source = "bad_nets:lazy"'}, ["'1.weight' is lazy"]),
        ({"model": 'source = "bad_nets:meta"'}, ["cannot be brought to the CPU"]),
        ({"model": 'source = "bad_nets:weightless"'}, ["no prunable parameters"]),
        ({"model": 'source = "bad_nets:colour"'}, ["(1, 1, 8, 8)", "3 channels", "the data's channels"]),
        ({"model": 'source = "memory:net"'}, ["memory:net was not given"]),
        (odd("raise"), ["fails on an image", "RuntimeError: the user's own mistake"]),
        (odd("raise", test=False), ["fails in training mode on its first batch", "the user's own mistake"]),
        (odd("tuple"), ["returns tuple", "a tensor of logits"]),
        (odd("dict"), ["returns dict", "a tensor of logits"]),
        (odd("tuple", test=False), ["In training mode the model gives tuple", "auxiliary outputs"]),
        (odd("few"), ["(1, 4)", "(1, 10)", "10 classes"]),
        (odd("flat"), ["(1,)", "(1, 10)"]),
        (odd("nan"), ["NaN or infinite"]),
        ({"data": 'source = "sample:digits"\nsize = [9, 9]'}, ["(1, 1, 9, 9)", "size = [height, width]"]),
        ({"recover": 'recoveries = ["bn"]'}, ["Recovery bn", "no batch norm"]),
        ({"recover": 'recoveries = ["weight-rewind"]'}, ["weight-rewind", "keep_steps = [0]"]),
        (methods('{name = "magnitude", recovery = "weight-rewind"}'), ["weight-rewind", "keep_steps = [0]"]),
        (methods('"bn-scale"'), ["method bn-scale", "batch norm"]),
        ({"recover": 'recoveries = [{name = "custom", function = "bad_nets:f"}]'}, ["custom", "no 'f'"]),
        ({"recover": 'recoveries = [{name = "custom", function = "no_nets:f"}]'}, ["custom", "no module 'no_nets'"]),
        ({"prune": TABLES["prune"] + '\nexclude = ["*"]'}, ["exclude", "matches every layer"]),
    ],
    ids=lambda v: v[0][:40] if isinstance(v, list) else "",
)
def test_models_that_cannot_be_pruned(refused: Callable[..., str], changed: dict[str, str], words: list[str]) -> None:
    refused(study(**changed), 1, "bad.toml", *words)


def test_only_comparing_asks_nothing_of_training_mode(store: Path, tmp_path: Path) -> None:
    """The other side of the refusals above: what is never trained need not be able to."""
    from bad_nets import Odd  # type: ignore[import-not-found]  # written by the fixture

    torch.save(Odd("tuple", test=False).state_dict(), tmp_path / "w.pt")
    model = f'{odd("tuple", test=False)["model"]}\ncheckpoint = "{tmp_path / "w.pt"}"'
    Path("compare.toml").write_text(study(model=model))
    assert cli.main(["run", "compare.toml", "--store", str(tmp_path / "st"), *WAYS]) == 0


# -- checkpoints


def weights(width: int = 8) -> dict[str, torch.Tensor]:
    from bad_nets import mlp

    found: dict[str, torch.Tensor] = mlp(width).state_dict()
    return found


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


CHECKPOINTS: dict[str, tuple[str, Callable[[Path], Any], list[str]]] = {
    "absent": ("w.pt", lambda p: None, ["there is no such checkpoint file"]),
    "a folder": ("w.pt", lambda p: p.mkdir(), ["there is no such checkpoint file"]),
    "empty": ("w.pt", lambda p: p.touch(), ["is empty"]),
    "other shapes": ("w.pt", lambda p: torch.save(weights(9), p), ["does not match", "1.weight (file (9, 64), model"]),
    "other keys": (
        "w.pt",
        lambda p: torch.save({f"fc.{k}": v for k, v in weights().items()}, p),
        ["4 missing in the file: 1.weight", "4 unexpected in the file: fc.1.weight"],
    ),
    "no tensors": ("w.pt", lambda p: torch.save({"epoch": 3}, p), ["epoch (int)", "a state dict of tensors"]),
    "truncated": ("w.pt", lambda p: (torch.save(weights(), p), cut(p)), ["is truncated"]),
    "truncated safetensors": ("w.safetensors", lambda p: (save_file(weights(), p), cut(p)), ["is truncated"]),
    "text": ("w.pt", lambda p: p.write_text("weights\n"), ["truncated or not a torch checkpoint"]),
    "nan": (
        "w.pt",
        lambda p: torch.save({**weights(), "3.bias": torch.full((10,), float("nan"))}, p),
        ["NaN or infinite values in 3.bias"],
    ),
    "nan safetensors": (
        "w.safetensors",
        lambda p: save_file({**weights(), "3.bias": torch.full((10,), float("nan"))}, p),
        ["NaN or infinite values in 3.bias"],
    ),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints_that_cannot_be_used(refused: Callable[..., str], tmp_path: Path, kind: str) -> None:
    name, make, words = CHECKPOINTS[kind]
    path = tmp_path / "my weights" / name
    path.parent.mkdir()
    make(path)
    refused(study(model=f'source = "bad_nets:mlp"\ncheckpoint = "{path}"'), 1, "bad.toml", str(path), *words)


class Payload:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return (Path.touch, (self.victim,))


@pytest.mark.parametrize("write", ["torch", "old torch", "pickle"])
def test_code_in_a_checkpoint_never_runs(refused: Callable[..., str], tmp_path: Path, write: str) -> None:
    path, victim = tmp_path / "w.pt", tmp_path / "made-by-the-checkpoint"
    content = {**weights(), "extra": Payload(victim)}
    if write == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=write == "torch")
    said = refused(study(model=f'source = "bad_nets:mlp"\ncheckpoint = "{path}"'), 1, "bad.toml", str(path))
    assert "is a pickle with code" in said
    assert "never runs" in said
    assert "safetensors" in said
    assert not victim.exists()
    if write != "pickle":
        torch.load(path, weights_only=False)
        assert victim.exists()  # it would have


# -- data


IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
LABELS = np.arange(60) % 10
GOOD = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"y_test": np.where(LABELS == 3, -1, LABELS)}, ["'y_test'", "sample 3 has label -1", "0 and above"]),
        ({"y_test": np.where(LABELS == 3, 11, LABELS)}, ["labels go up to 11", "no image has label 10"]),
        ({"y_train": LABELS + 1, "y_test": LABELS + 1}, ["no image has label 0", "Number the classes from 0"]),
        ({"y_train": LABELS[:9]}, ["'y_train'", "(9,)", "60 images"]),
        ({"y_train": LABELS + 0.5}, ["'y_train'", "float64", "whole numbers"]),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, ["train split has no samples"]),
        ({"x_test": IMAGES[:0], "y_test": LABELS[:0]}, ["test split has no samples"]),
        ({"x_train": IMAGES.repeat(5, 3)}, ["'x_train'", "(60, 8, 8, 5)", "1 or 3 channels"]),
        ({"x_train": IMAGES.repeat(3, 3), "x_test": IMAGES.repeat(3, 3)}, ["(1, 3, 8, 8)", "the data's channels"]),
        ({"x_test": IMAGES[:, :7]}, ["splits differ", "7×8×1", "`size = [height, width]`"]),
        ({"x_train": IMAGES[:, :7], "x_test": IMAGES[:, :7]}, ["(1, 1, 7, 8)", "size = [height, width]"]),
        ({"x_train": IMAGES * np.float32("nan")}, ["'x_train'", "NaN", "sample 0"]),
        ({"x_train": np.array([{}] * 60)}, ["pickled Python objects", "never loaded"]),
    ],
    ids=lambda v: v[0][:40] if isinstance(v, list) else "",
)
def test_arrays_that_cannot_be_used(
    refused: Callable[..., str], tmp_path: Path, changed: dict[str, Any], words: list[str]
) -> None:
    np.savez(tmp_path / "d.npz", **{**GOOD, **changed})
    refused(study(data=f'source = "npz:{tmp_path / "d.npz"}"'), 1, "bad.toml", *words)


def photos(base: Path) -> Path:
    for i, (image, label) in enumerate(zip(IMAGES[:40, :, :, 0], LABELS, strict=False)):
        folder = base / ("train" if i < 20 else "test") / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    return base / "train" / "class3" / "3.png"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(b"no image"), ["train/class3/3.png cannot be read as an image"]),
        (lambda p: p.write_bytes(b""), ["train/class3/3.png cannot be read as an image"]),
        (cut, ["train/class3/3.png cannot be read as an image"]),
        (lambda p: [q.unlink() for q in p.parent.iterdir()], ["train/class3 has no images"]),
        (lambda p: Image.new("L", (9, 8)).save(p), ["images differ in size", "train/class3/3.png is 8×9"]),
        (lambda p: p.parent.rename(p.parent.parent / "class33"), ["'class3'", "class33"]),
        (lambda p: (p.parents[2] / "test").rename(p.parents[2] / "tset"), ["has train/ but no test/", "tset"]),
    ],
    ids=["no image", "empty", "cut", "no samples", "size", "class", "no test"],
)
def test_folders_that_cannot_be_used(
    refused: Callable[..., str], tmp_path: Path, damage: Callable[[Path], Any], words: list[str]
) -> None:
    damage(photos(tmp_path / "my photos"))
    refused(study(data=f'source = "folder:{tmp_path / "my photos"}"\nval_fraction = 0'), 1, "bad.toml", *words)


# -- stores


@pytest.mark.parametrize("way", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.write_text("mine"), "is a file"),
        (lambda p: (p.mkdir(), (p / "letter.txt").write_text("mine")), "is not a pruneviz store and not empty"),
        (
            lambda p: (p.mkdir(), (p / "pruneviz-store.json").write_text('{"format": 999}')),
            "by a newer pruneviz; this one reads up to 1. Upgrade pruneviz",
        ),
        (lambda p: (p.mkdir(), (p / "pruneviz-store.json").write_text("{")), 'with the text {"format": 1}'),
    ],
    ids=["file", "other folder", "newer", "marker"],
)
def test_stores_that_are_none(
    untrained: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Any],
    words: str,
    way: list[str],
) -> None:
    Path("good.toml").write_text(study())
    make(tmp_path / "s")
    before = contents(tmp_path)
    assert cli.main(["run", "good.toml", "--store", str(tmp_path / "s"), *WAYS, *way]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 's'}")
    assert words in said
    assert contents(tmp_path) == before


# -- what is odd and yet allowed


def test_odd_names_and_places_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Spaces, other scripts, a byte-order mark, Windows line ends, ``~``, paths relative to the file, repetitions."""
    home = tmp_path / "über uns ~"
    photos(home / "my photos")
    torch.save(weights(), home / "weights.pt")
    text = study(
        _='name = "日本 ✓"',
        model='source = "bad_nets:mlp"\nname = "<b>a/b</b>"\ncheckpoint = "weights.pt"',
        data='source = "folder:my photos"\nval_fraction = 0',
        prune='methods = ["magnitude", "magnitude"]\nsparsities = ["50%", 0.5, "50 %"]',
        recover='recoveries = ["none", "none"]',
    )
    (home / "my study.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(home))
    assert cli.main(["run", str(home / "my study.toml"), "--store", "~/a store: ~", *WAYS]) == 0
    assert list((tmp_path / "elsewhere").iterdir()) == []
    import pruneviz

    found = pruneviz.open("~/a store: ~", "日本 ✓")
    assert found.runs["method"].tolist() == ["dense", "magnitude", "random"]
    assert set(found.runs["model"]) == {"<b>a/b</b>"}
    assert len(found.table("samples")) == 3 * 20
    assert cli.main(["export", str(home / "a store: ~"), "layers", "-o", "layers: ~.parquet"]) == 0
