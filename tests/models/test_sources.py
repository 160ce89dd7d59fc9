"""Sources of models: what is known without running them, what comes of them, and the errors."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import own_models
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pruneviz import models
from pruneviz.core.errors import CheckpointError, ModelError, PrunevizError, SpecError
from pruneviz.core.spec import ModelSpec

TINY = ModelSpec("own_models:tiny")


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(t, b.state_dict()[k]) for k, t in a.state_dict().items())


# -- factories


def test_a_factory_without_weights_follows_the_seed() -> None:
    assert not models.has_weights(TINY)
    assert same(models.build_fresh(TINY, 1), models.build_fresh(TINY, 1))
    assert not same(models.build_fresh(TINY, 1), models.build_fresh(TINY, 2))
    assert not models.build_fresh(TINY, 1).training


def test_making_a_model_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    models.build_fresh(TINY, 1)
    models.build(TINY, 0)
    assert torch.equal(torch.rand(1), expected)


def test_options_reach_the_factory() -> None:
    net = models.build_fresh(ModelSpec("own_models:tiny", options={"classes": 7}), 0)
    assert net[-1].out_features == 7


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_a_checkpoint_is_loaded(tmp_path: Path, suffix: str) -> None:
    net = models.build_fresh(TINY, 3)
    path = tmp_path / f"w.{suffix}"
    save_file(net.state_dict(), path) if suffix == "safetensors" else torch.save(net.state_dict(), path)
    spec = ModelSpec("own_models:tiny", checkpoint=str(path))
    assert models.has_weights(spec)
    assert same(models.build(spec, 0), net)
    assert models.identity(spec, 0)["weights_digest"]


def test_replicates_have_a_checkpoint_each(tmp_path: Path) -> None:
    nets = [models.build_fresh(TINY, seed) for seed in (0, 1)]
    for i, net in enumerate(nets):
        save_file(net.state_dict(), tmp_path / f"w{i}.safetensors")
    spec = ModelSpec("own_models:tiny", checkpoint=str(tmp_path / "w{replicate}.safetensors"), replicates=2)
    assert same(models.build(spec, 1), nets[1])
    assert models.identity(spec, 0) != models.identity(spec, 1)
    one = ModelSpec("own_models:tiny", checkpoint=str(tmp_path / "w0.safetensors"), replicates=2)
    for use in (models.build, models.identity):
        with pytest.raises(SpecError, match=r"one checkpoint is one dense model.*\{replicate\}"):
            use(one, 0)


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        ("no_such_module:f", ModelError, "no module 'no_such_module'.*PYTHONPATH"),
        ("pruneviz.modles:f", ModelError, "no module 'pruneviz.modles'.*Did you mean 'models'"),
        ("own_models.deeper:f", ModelError, "'own_models' is a module, not a package"),
        ("own_models:tinny", ModelError, "has no 'tinny'. Did you mean 'tiny'"),
        ("own_models:raises", ModelError, r"own_models:raises\(\) raised ValueError: no weights for this one"),
        ("own_models:not_a_module", ModelError, "returned int, allowed: a torch.nn.Module"),
        ("own_models:A_MODULE", ModelError, "is Linear, allowed: a function"),
        ("own_models:A_NUMBER", ModelError, "is int, allowed: a function"),
        ("own_models", SpecError, '"package.module:name"'),
        ("smaple:lenet5", ModelError, "no module 'smaple'"),
        ("own models:f", SpecError, "allowed"),
        ("sys:f", ModelError, "has no file"),
    ],
)
def test_factories_that_cannot_be_used(source: str, error: type[PrunevizError], match: str) -> None:
    with pytest.raises(error, match=match):
        models.build(ModelSpec(source), 0)


def test_options_that_the_factory_does_not_take_are_shown() -> None:
    with pytest.raises(ModelError, match=r"own_models:tiny\(width=3\) raised TypeError.*width"):
        models.build(ModelSpec("own_models:tiny", options={"width": 3}), 0)


def test_an_import_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_nets.py").write_text("import torhc\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=r"importing 'broken_nets' failed: ModuleNotFoundError: .*torhc"):
        models.build(ModelSpec("broken_nets:f"), 0)


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("import sys\nsys.exit(3)\n", "importing 'script_{n}' failed: SystemExit: 3.*__main__"),
        ("import sys\ndef f():\n    sys.exit('usage: train')\n", r"script_{n}:f\(\) raised SystemExit: usage: train"),
    ],
)
def test_code_that_ends_the_program_does_not_end_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, match: str
) -> None:
    name = f"script_{len(code)}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=match.format(n=len(code))):
        models.build(ModelSpec(f"{name}:f"), 0)


def test_a_changed_file_is_executed_again_in_the_same_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "growing_nets.py"
    file.write_text("from torch import nn\nMADE = []\ndef f():\n    return nn.Linear(2, 3)\n")
    first = models.identity(ModelSpec("growing_nets:f"), 0)
    assert models.build(ModelSpec("growing_nets:f"), 0).out_features == 3
    file.write_text(file.read_text().replace("(2, 3)", "(2, 30)"))
    assert models.identity(ModelSpec("growing_nets:f"), 0) != first
    assert models.build(ModelSpec("growing_nets:f"), 0).out_features == 3  # not in the middle of a study
    models.refresh(ModelSpec("growing_nets:f"))
    assert models.build(ModelSpec("growing_nets:f"), 0).out_features == 30
    made = sys.modules["growing_nets"].MADE
    models.refresh(ModelSpec("growing_nets:f"))
    assert sys.modules["growing_nets"].MADE is made  # not again, as nothing changed


@pytest.mark.parametrize(
    ("source", "match"),
    [("smaple:mlp", "Did you mean .*'sample'"), ("own_model:tiny", "Did you mean 'own_models'")],
)
def test_the_nearest_kind_or_module_is_named(source: str, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(own_models.__file__).parent))
    with pytest.raises(ModelError, match=match):
        models.identity(ModelSpec(source), 0)


def test_a_checkpoint_that_is_not_there_is_said_by_identity_too() -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        models.identity(ModelSpec("own_models:tiny", checkpoint="nowhere.pt"), 0)


def test_identity_follows_the_file_and_the_options_and_executes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "loud_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('executed')\n")
    (package / "nets.py").write_text("raise RuntimeError('executed')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = ModelSpec("loud_package.nets:f")
    first = models.identity(spec, 0)
    assert first["weights_digest"] is None
    assert models.identity(ModelSpec("loud_package.nets:g"), 0)["source_digest"] != first["source_digest"]
    wide = ModelSpec("loud_package.nets:f", options={"width": 2})
    assert models.identity(wide, 0)["source_digest"] != first["source_digest"]
    (package / "nets.py").write_text("raise RuntimeError('changed')\n")
    assert models.identity(spec, 0)["source_digest"] != first["source_digest"]


# -- sample models


def test_catalogue_and_identity_import_no_torch() -> None:
    code = (
        "import sys, pruneviz.models as m; from pruneviz.core.spec import ModelSpec\n"
        "names = [s.name for s in m.catalogue()]\n"
        "assert 'lenet5-fashion' in names, names\n"
        "assert m.has_weights(ModelSpec('sample:lenet5-fashion'))\n"
        "assert m.identity(ModelSpec('sample:lenet5-fashion'), 0)['weights_digest']\n"
        "assert not m.has_weights(ModelSpec('own_models:tiny'))\n"
        "assert m.kept_steps(ModelSpec('sample:lenet5-fashion'), 0) == (0,)\n"
        "assert m.known_steps(ModelSpec('sample:lenet5-fashion')) > 0\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_sample_replicates_differ_and_have_initial_weights() -> None:
    spec = ModelSpec("sample:lenet5-fashion")
    first, second = models.build(spec, 0), models.build(spec, 1)
    assert not same(first, second)
    start = models.kept_weights(spec, 0, 0)
    assert start.keys() == first.state_dict().keys()
    assert not torch.equal(start["fc1.weight"], first.state_dict()["fc1.weight"])
    assert models.identity(spec, 0) != models.identity(spec, 1)


@pytest.mark.parametrize(
    ("spec", "replicate", "match"),
    [
        (ModelSpec("sample:lenet5"), 0, "Did you mean 'lenet5-fashion'"),
        (ModelSpec("sample:lenet5-fashion"), 6, "replicates 0 to 5"),
        (ModelSpec("sample:lenet5-fashion", options={"width": 2}), 0, "options"),
    ],
)
def test_sample_models_that_are_not_there(spec: ModelSpec, replicate: int, match: str) -> None:
    with pytest.raises(SpecError, match=match):
        models.build(spec, replicate)


def test_a_step_that_was_not_kept() -> None:
    with pytest.raises(SpecError, match=r"the steps kept of sample:lenet5-fashion: \[0\]"):
        models.kept_weights(ModelSpec("sample:lenet5-fashion"), 0, 7)
    assert models.kept_steps(TINY, 0) == ()
    assert models.known_steps(TINY) is None


# -- models in memory


def test_a_module_in_memory_is_copied() -> None:
    net = own_models.tiny()
    spec = ModelSpec("memory:mine")
    assert models.has_weights(spec)
    built = models.build(spec, 0, {"mine": net})
    assert built is not net
    assert same(built, net)
    identity = models.identity(spec, 0, {"mine": net})
    with torch.no_grad():
        net[0].weight.add_(1)
    assert not same(built, net)
    assert models.identity(spec, 0, {"mine": net})["weights_digest"] != identity["weights_digest"]
    assert models.identity(spec, 0, {"mine": net})["source_digest"] == identity["source_digest"]


def test_a_list_in_memory_has_a_module_for_each_replicate() -> None:
    nets = [own_models.tiny(), own_models.tiny()]
    assert same(models.build(ModelSpec("memory:mine"), 1, {"mine": nets}), nets[1])
    with pytest.raises(SpecError, match="0 to 1: memory:mine has 2 modules"):
        models.build(ModelSpec("memory:mine"), 2, {"mine": nets})
    with pytest.raises(SpecError, match="Give a list of modules"):
        models.build(ModelSpec("memory:mine"), 1, {"mine": nets[0]})


def test_memory_models_that_were_not_given() -> None:
    with pytest.raises(ModelError, match=r"memory:mine was not given; given are: mime. Did you mean 'mime'"):
        models.build(ModelSpec("memory:mine"), 0, {"mime": own_models.tiny()})
    with pytest.raises(ModelError, match=r"is int, allowed: a torch.nn.Module"):
        models.build(ModelSpec("memory:mine"), 0, {"mine": 3})


def test_modules_in_memory_that_cannot_be_worked_with() -> None:
    class Holding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.last = self.fc(torch.ones(1, 2))  # no leaf, so torch does not copy it

    spec = ModelSpec("memory:mine")
    with pytest.raises(ModelError, match="memory:mine cannot be copied: RuntimeError"):
        models.build(spec, 0, {"mine": Holding()})
    for net, match in ((own_models.lazy(), "is lazy"), (nn.Linear(2, 2, device="meta"), "device 'meta'")):
        with pytest.raises(ModelError, match=match):
            models.identity(spec, 0, {"mine": net})
    with pytest.raises(ModelError, match="cannot be brought to the CPU"):
        models.build(spec, 0, {"mine": nn.Linear(2, 2, device="meta")})


def test_an_architecture_is_the_model_without_its_file(tmp_path: Path) -> None:
    torch.save(models.build_fresh(TINY, 3).state_dict(), tmp_path / "w.pt")
    spec = ModelSpec("own_models:tiny", checkpoint=str(tmp_path / "w.pt"))
    net = models.build(spec, 0)
    (tmp_path / "w.pt").unlink()
    bare = models.architecture(spec, 0)
    assert not same(bare, net)
    bare.load_state_dict(net.state_dict())
    assert same(bare, net)
    assert same(models.architecture(TINY, 4), models.build_fresh(TINY, 4))


def test_a_module_in_memory_is_initialised_anew_by_its_layers() -> None:
    net = own_models.tiny(norm=True)
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(9)
    spec, live = ModelSpec("memory:mine"), {"mine": net}
    fresh = models.build_fresh(spec, 0, live)
    assert same(fresh, models.build_fresh(spec, 0, live))
    assert not same(fresh, models.build_fresh(spec, 1, live))
    assert all(float(p.detach().abs().max()) < 2 for p in fresh.parameters())


def test_a_module_with_a_parameter_that_nothing_initialises_is_refused() -> None:
    class WithToken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))
            self.fc = nn.Linear(2, 2)

    with pytest.raises(ModelError, match=r"no reset_parameters\(\) covers token"):
        models.build_fresh(ModelSpec("memory:mine"), 0, {"mine": WithToken()})


# -- timm, which is an extra


def test_timm_when_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"pip install 'pruneviz\[timm\]'"):
        models.build(ModelSpec("timm:resnet18"), 0)


def test_timm_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, **options: Any) -> nn.Module:
        if name != "resnet18":
            raise RuntimeError(f"Unknown model ({name})")
        return own_models.tiny(classes=options["num_classes"])

    fake = types.ModuleType("timm")
    vars(fake).update(create_model=create_model, list_models=lambda: ["resnet18"], __version__="1.0")
    monkeypatch.setitem(sys.modules, "timm", fake)
    spec = ModelSpec("timm:resnet18", options={"num_classes": 4})
    assert models.build(spec, 0)[-1].out_features == 4
    assert not models.has_weights(spec)
    assert models.identity(spec, 0)["weights_digest"] is None
    pretrained = ModelSpec("timm:resnet18", options={"num_classes": 4, "pretrained": True})
    assert models.has_weights(pretrained)
    assert models.identity(pretrained, 0)["weights_digest"]
    with pytest.raises(ModelError, match=r"Unknown model.*Did you mean 'resnet18'"):
        models.build(ModelSpec("timm:resnet81"), 0)
