from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from references import robustness_slow as slow

import pruneviz as pv
from pruneviz.core.errors import DataError, ModelError, SpecError, Unsupported
from pruneviz.core.spec import Choice, study_from_plain
from pruneviz.core.tables import RUNS
from pruneviz.data import ImageData, Split
from pruneviz.training import predict
from pruneviz_analyses import Subject, resolve
from pruneviz_analyses.corruption_robustness import CorruptionRobustness, observing
from pruneviz_analyses.corruption_robustness.attacks import attacked
from pruneviz_analyses.corruption_robustness.observing import chosen_images, observe, shifted
from pruneviz_analyses.corruption_robustness.schemas import SAMPLES, SEEN
from pruneviz_analyses.corruption_robustness.shifts import Transform

COUNT, SIDE, CLASSES = 40, 12, 3
SPEC = study_from_plain({"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}, "study")


def images_of(channels=3, dtype=np.uint8):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, SIDE, SIDE, channels), np.uint8)
    ids = np.array([f"test:{i}" for i in range(COUNT)])
    split = Split(images if dtype == np.uint8 else np.zeros((COUNT, 3, SIDE, SIDE), dtype), np.arange(COUNT) % 3, ids)
    return ImageData("made", None, None, split, tuple("abc"), (0.4,) * channels, (0.3,) * channels)


def net_of(seed, channels=3):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(channels, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(400, CLASSES),
    ).eval()


def seen_of(data, *seeds):
    return [SimpleNamespace(run_id=f"r{s}", net=net_of(s, data.channels), data=data, device="cpu") for s in seeds]


def part_of(asked, name):
    return next(p for p in asked.parts() if p["name"] == name)


def look(asked, name, data, seeds=(0, 1)):
    return asked.observe(seen_of(data, *seeds), part_of(asked, name), lambda *at: None)


SMALL = CorruptionRobustness(corruptions=("fog", "gaussian_noise"), severities=(1, 3, 5), images=25, bins=3)


# -- which images, and what is done to them


def test_images_are_chosen_by_id_and_seed_alone() -> None:
    ids = [f"test:{i}" for i in range(100)]
    chosen = {ids[i] for i in chosen_images(ids, 20, 0)}
    shuffled = np.random.default_rng(0).permutation(ids).tolist()
    assert {shuffled[i] for i in chosen_images(shuffled, 20, 0)} == chosen
    assert chosen < {ids[i] for i in chosen_images(ids, 30, 0)}
    assert chosen != {ids[i] for i in chosen_images(ids, 20, 1)}
    assert chosen_images(ids, 1000, 0).tolist() == list(range(100))


def test_severity_0_is_the_identity() -> None:
    data = images_of()
    chosen = np.arange(5)
    for part in SMALL.parts():
        got = shifted(data, chosen, 0, part, SMALL.means)
        assert (got == data.test.images[:5]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_every_number_is_that_of_each_model_by_itself(channels: int) -> None:
    data = images_of(channels)
    found = look(SMALL, "gaussian_noise", data)
    chosen = chosen_images(data.test.ids, 25, 0)
    images, ids, labels = data.test.images[chosen], data.test.ids[chosen], data.test.labels[chosen]
    seen = found[SEEN.name].set_index(["run_id", "severity"])
    samples = found[SAMPLES.name].set_index(["run_id", "sample_id"])["right"]
    assert len(seen) == 2 * 3
    for model in seen_of(data, 0, 1):
        for at, severity in enumerate((1, 3, 5)):
            corrupted = pv.corrupt(images, "gaussian_noise", severity, sample_ids=ids)
            logits = predict(model.net, corrupted, data.preprocess).astype(np.float64)
            right = logits.argmax(axis=1) == labels
            share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            row = seen.loc[(model.run_id, severity)]
            assert row["accuracy"] == pytest.approx(right.mean())
            assert row["confidence"] == pytest.approx(share.max(axis=1).mean(), rel=1e-5)
            assert row["loss"] == pytest.approx(-np.log(share[np.arange(25), labels]).mean(), rel=1e-5)
            assert [samples[model.run_id, i][at] == "1" for i in ids] == right.tolist()
            assert 0 < row["ece_floor"] < 0.5


def test_batches_and_company_change_nothing(monkeypatch) -> None:
    data = images_of()
    whole = look(SMALL, "fog", data)
    monkeypatch.setattr(observing, "_BYTES", 7 * SIDE * SIDE * 3)
    alone = look(SMALL, "fog", data, (1,))
    for name in (SEEN.name, SAMPLES.name):
        own = whole[name][whole[name]["run_id"] == "r1"].reset_index(drop=True)
        columns = [c for c in own if c not in ("loss", "confidence", "ece", "ece_floor", "squared_error")]
        assert own[columns].equals(alone[name][columns])


def test_each_batch_is_corrupted_once_for_all_models(monkeypatch) -> None:
    from pruneviz.data import corruptions

    calls = []
    made = corruptions.corrupt
    monkeypatch.setattr(corruptions, "corrupt", lambda *a, **k: calls.append(a[1:]) or made(*a, **k))
    told = []
    SMALL.observe(seen_of(images_of(), 0, 1, 2), part_of(SMALL, "fog"), lambda *at: told.append(at))
    assert calls == [("fog", 1), ("fog", 3), ("fog", 5)]
    assert told[0] == (0, 9)
    assert told[-1] == (9, 9)


def test_models_are_looked_at_some_at_a_time() -> None:
    runs = RUNS.frame([{"run_id": f"r{i}", "name": str(i)} for i in range(5)])
    found = replace(SMALL, together=2).observations(runs)
    assert [o.run_ids for o in found[:3]] == [("r0", "r1"), ("r2", "r3"), ("r4",)]
    assert len(found) == 3 * 3  # clean and two corruptions
    assert found[-1].title == "fog: 1 model (3 of 3)"
    keys = [dict(o.part) for o in SMALL.observations(runs)]
    others = [dict(o.part) for o in replace(SMALL, level=0.9, resamples=300, alike=0.5).observations(runs)]
    assert keys == others
    assert keys != [dict(o.part) for o in replace(SMALL, seed=1).observations(runs)]


# -- attacks


@pytest.fixture
def linear():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)).eval()
    pictures = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (50, 3, 2, 2))).float() / 255
    return net, pictures, torch.arange(50) % 3


def scaled(x):
    return (x - 0.4) / 0.3


def test_the_fast_gradient_sign_is_that_of_its_definition(linear) -> None:
    net, pictures, labels = linear
    got = attacked(net, pictures, labels, scaled, 0.1)
    weight = net[1].weight.detach().double().numpy()
    for x, y, made in zip(pictures.double().numpy(), labels.tolist(), got.numpy(), strict=True):
        z = weight @ scaled(x.reshape(-1)) + net[1].bias.detach().double().numpy()
        share = np.exp(z) / np.exp(z).sum()
        slope = (share - np.eye(3)[y]) @ weight
        assert made.reshape(-1).tolist() == pytest.approx(
            slow.fgsm(x.reshape(-1).tolist(), slope.tolist(), 0.1), abs=1e-6
        )


@pytest.mark.parametrize("epsilon", [1e-4, 0.03, 8 / 255, 0.1, 1 / 3, 1.0])
@pytest.mark.parametrize(("steps", "step"), [(1, 1.0), (10, 0.25), (3, 2.0)])
def test_no_pixel_changes_by_more_than_epsilon_nor_leaves_its_range(linear, epsilon, steps, step) -> None:
    net, pictures, labels = linear
    got = attacked(net, pictures, labels, scaled, epsilon, steps, step)
    assert (got.double() - pictures.double()).abs().max() <= epsilon  # exactly, not up to rounding
    assert got.min() >= 0
    assert got.max() <= 1
    assert not torch.equal(got, pictures)
    before, after = (torch.nn.functional.cross_entropy(net(scaled(x)), labels) for x in (pictures, got))
    assert after > before


def test_no_step_and_no_epsilon_are_the_identity(linear) -> None:
    net, pictures, labels = linear
    for epsilon, steps in ((0.0, 10), (0.0, 1), (0.1, 0)):
        got = attacked(net, pictures, labels, scaled, epsilon, steps)
        assert torch.equal(got, pictures)
        assert got is not pictures


def test_an_attack_depends_on_nothing_beside_it(linear) -> None:
    net, pictures, labels = linear
    whole = attacked(net, pictures, labels, scaled, 0.05, 5, 0.3)
    assert torch.equal(attacked(net, pictures[7:8], labels[7:8], scaled, 0.05, 5, 0.3), whole[7:8])
    assert all(p.grad is None for p in net.parameters())


def test_every_model_is_attacked_by_its_own_gradient() -> None:
    data = images_of()
    asked = replace(SMALL, fgsm=(0.0, 0.1), pgd=(0.1,), pgd_steps=5)
    clean, fgsm, pgd = (
        look(asked, n, data)[SEEN.name].set_index(["run_id", "severity"]) for n in ("clean", "fgsm", "pgd")
    )
    for run in ("r0", "r1"):
        assert fgsm.loc[(run, 1), "loss"] == pytest.approx(clean.loc[(run, 0), "loss"], rel=1e-5)
        assert fgsm.loc[(run, 2), "loss"] > clean.loc[(run, 0), "loss"]
        assert pgd.loc[(run, 1), "loss"] > clean.loc[(run, 0), "loss"]
    assert fgsm["epsilon"].tolist() == [0.0, 0.1] * 2
    none = look(replace(asked, pgd_steps=0), "pgd", data)[SEEN.name]
    assert none["loss"].to_numpy() == pytest.approx(clean["loss"].to_numpy(), rel=1e-5)


# -- users' functions


def darker(images, severity, sample_ids, seed):
    return images // (1 + severity)


def test_a_function_given_in_python_is_used_and_known_by_its_source() -> None:
    asked = resolve(Choice("corruption_robustness", {"transforms": ["memory:darker"]}), "here", {"darker": darker})
    part = part_of(asked, "darker")
    data = images_of()
    assert (shifted(data, np.arange(3), 2, part, asked.means) == data.test.images[:3] // 3).all()
    other = replace(asked, transforms=(Transform(lambda images, severity, sample_ids, seed: images),))
    assert [p["digest"] for p in other.parts() if p["shift"] == "transform"] != [part["digest"]]
    with pytest.raises(SpecError, match=r"what was given in Python: memory:darker\. Did you mean 'darker'"):
        resolve(Choice("corruption_robustness", {"transforms": ["memory:darkr"]}), "here", {"darker": darker})


def test_a_function_goes_through_a_study_given_in_python(tmp_path) -> None:
    options = {"corruptions": [], "severities": [1, 2], "images": 50, "transforms": [darker]}
    asked = pv.new_study(
        "sample:mlp-digits", "sample:digits", methods=[], sparsities=[], analyses={"corruption_robustness": options}
    )
    result = asked.result(tmp_path / "s", device="cpu")
    assert not result.failed
    cells = result.study.table("corruption_robustness")
    assert set(zip(cells["corruption"], cells["shift"], strict=True)) == {("clean", "clean"), ("darker", "transform")}
    assert "under darker" in result.study.findings()["corruption_robustness"][0]


def test_a_function_may_be_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine_shift.py").write_text("def f(images, severity, sample_ids, seed):\n    return 255 - images\n")
    monkeypatch.syspath_prepend(tmp_path)
    asked = resolve(Choice("corruption_robustness", {"transforms": ["mine_shift:f"], "corruptions": []}), "here")
    data = images_of()
    part = part_of(asked, "mine_shift:f")
    assert (shifted(data, np.arange(3), 1, part, asked.means) == 255 - data.test.images[:3]).all()
    (tmp_path / "mine_shift.py").write_text("def f(images, severity, sample_ids, seed):\n    return images\n")
    with pytest.raises(DataError, match="its source has changed since the study was planned"):
        asked.observe(seen_of(data, 0), part, lambda *at: None)
    with pytest.raises(ModelError, match="there is no module 'mine_shft'"):
        resolve(Choice("corruption_robustness", {"transforms": ["mine_shft:f"]}), "here")


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda images, severity, sample_ids, seed: images[:1], DataError, r"returned uint8 \(1, 12, 12, 3\)"),
        (lambda images, severity, sample_ids, seed: images / 255, DataError, r"returned float64 .* allowed: uint8"),
        (lambda images: images, ModelError, "raised TypeError"),
    ],
)
def test_a_function_that_makes_no_pictures_is_named_before_it_starts(function, error, words) -> None:
    asked = CorruptionRobustness(corruptions=(), transforms=(Transform(function),))
    subject = Subject(SPEC, tuple("abc"), COUNT, {"m": seen_of(images_of(), 0)[0]})
    with pytest.raises(error, match=words):
        asked.check(subject)


@pytest.mark.parametrize("value", ["mine:f", [3], [darker, darker]])
def test_what_is_no_function_is_refused(value) -> None:
    with pytest.raises(SpecError):
        resolve(Choice("corruption_robustness", {"transforms": value}), "here")


# -- stored folders


@pytest.fixture
def cifar10c(tmp_path):
    """A folder as CIFAR-10-C comes, made of the images themselves."""
    data = images_of()
    for name in ("fog", "snow"):
        made = [pv.corrupt(data.test.images, name, s, sample_ids=data.test.ids) for s in range(1, 6)]
        np.save(tmp_path / f"{name}.npy", np.concatenate(made))
    np.save(tmp_path / "labels.npy", np.tile(data.test.labels, 5))
    return tmp_path


@pytest.fixture
def imagenetc(tmp_path):
    """A folder as ImageNet-C comes, and the clean images' data with paths as ids."""
    data = images_of()
    ids = np.array([f"val/{'abc'[k]}/image{i}.JPEG" for i, k in enumerate(data.test.labels)])
    data = replace(data, test=replace(data.test, ids=ids))
    for severity in range(1, 6):
        made = pv.corrupt(data.test.images, "fog", severity, sample_ids=ids)
        for i, pixels in zip(ids, made, strict=True):
            path = tmp_path / "fog" / str(severity) / i.split("/")[1] / f"{i.split('/')[2].removesuffix('.JPEG')}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path, data


def check_of(asked, data):
    asked.check(Subject(SPEC, tuple("abc"), COUNT, {"m": seen_of(data, 0)[0]}))


def test_stored_arrays_give_what_corrupting_gives(cifar10c) -> None:
    data, asked = images_of(), replace(SMALL, stored=str(cifar10c))
    check_of(asked, data)
    stored, made = (look(asked, n, data)[SEEN.name] for n in ("stored fog", "fog"))
    assert stored["accuracy"].tolist() == made["accuracy"].tolist()
    assert [p["name"] for p in asked.parts()][-2:] == ["stored fog", "stored snow"]


def test_stored_images_give_what_corrupting_gives(imagenetc) -> None:
    folder, data = imagenetc
    asked = replace(SMALL, stored=str(folder))
    check_of(asked, data)
    stored, made = (look(asked, n, data)[SEEN.name] for n in ("stored fog", "fog"))
    assert stored["accuracy"].tolist() == made["accuracy"].tolist()


def test_what_is_stored_is_in_the_key_and_watched(cifar10c) -> None:
    data, asked = images_of(), replace(SMALL, stored=str(cifar10c))
    part = part_of(asked, "stored fog")
    array = np.load(cifar10c / "fog.npy")
    np.save(cifar10c / "fog.npy", 255 - array)
    assert part_of(asked, "stored fog")["digest"] != part["digest"]
    with pytest.raises(DataError, match="fog has changed since the study was planned"):
        asked.observe(seen_of(data, 0), part, lambda *at: None)


def test_a_stored_folder_that_does_not_fit_is_named_before_it_starts(cifar10c, imagenetc, tmp_path) -> None:
    data, asked = images_of(), replace(SMALL, stored=str(cifar10c))
    np.save(cifar10c / "labels.npy", np.tile(np.roll(data.test.labels, 1), 5))
    with pytest.raises(DataError, match=r"has label .* in the study and .* more differ"):
        check_of(asked, data)
    np.save(cifar10c / "labels.npy", np.tile(data.test.labels, 5))
    np.save(cifar10c / "snow.npy", np.zeros((5 * COUNT, 16, 16, 3), np.uint8))
    with pytest.raises(DataError, match=r"snow.*holds uint8 \(200, 16, 16, 3\); allowed: uint8 \(200, 12, 12, 3\)"):
        check_of(asked, data)
    (cifar10c / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"has arrays but no labels\.npy"):
        check_of(asked, data)
    with pytest.raises(DataError, match="there is no folder"):
        check_of(replace(asked, stored=str(tmp_path / "nowhere")), data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no corruptions; allowed"):
        check_of(replace(asked, stored=str(tmp_path / "empty")), data)


def test_stored_images_that_do_not_fit_are_named(imagenetc) -> None:
    folder, data = imagenetc
    asked = replace(SMALL, stored=str(folder), images=COUNT)
    gone = next((folder / "fog" / "3" / "b").iterdir())
    gone.unlink()
    with pytest.raises(DataError, match=rf"1 of 40 images are not under .*3, such as b/{gone.stem}"):
        check_of(asked, data)
    Image.new("RGB", (20, 12)).save(gone)
    with pytest.raises(DataError, match=r"is 12 × 20 .* allowed: 12 × 12"):
        look(asked, "stored fog", data)


# -- before it starts


def test_what_it_cannot_support_is_said_before_it_starts() -> None:
    data = images_of()
    check_of(SMALL, data)
    SMALL.check(Subject(SPEC, tuple("abc"), COUNT))
    with pytest.raises(Unsupported, match="has 1 class; it needs at least 2"):
        SMALL.check(Subject(SPEC, ("a",), COUNT))
    with pytest.raises(Unsupported, match="there is nothing to look at"):
        replace(SMALL, corruptions=()).check(Subject(SPEC, tuple("abc"), COUNT))
    with pytest.raises(Unsupported, match="float tensors, which are no pixels any more"):
        check_of(SMALL, images_of(dtype=np.float32))
    small = replace(data, test=replace(data.test, images=data.test.images[:, :6]))
    with pytest.raises(Unsupported, match="are 6 × 12; corruptions need sides of at least 8"):
        check_of(SMALL, small)


def test_a_model_without_a_gradient_cannot_be_attacked() -> None:
    class Hard(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.one_hot(x.sum(dim=(1, 2, 3)).long() % 3, 3).float()

    seen = SimpleNamespace(net=Hard(), data=images_of(), device="cpu")
    with pytest.raises(ModelError, match=r"model 'm' gives no gradient .* Leave fgsm and pgd out"):
        replace(SMALL, fgsm=(0.1,)).check(Subject(SPEC, tuple("abc"), COUNT, {"m": seen}))


def test_outputs_that_are_no_numbers_are_named() -> None:
    seen = seen_of(images_of(), 0)
    torch.nn.init.constant_(seen[0].net[4].bias, float("nan"))
    with pytest.raises(ModelError, match="NaN or infinite"):
        observe(seen, part_of(SMALL, "fog"), SMALL.means, lambda *at: None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"corruptions": ["fogg"]}, "Did you mean 'fog'"),
        ({"corruptions": "fog"}, "a list of names"),
        ({"severities": [3, 1]}, "increasing order"),
        ({"severities": [6]}, "≤ 5"),
        ({"fgsm": [0.1, 0.1]}, "increasing order"),
        ({"pgd": [8]}, "≤ 1"),
        ({"constants": "cifar"}, "cifar10-c"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words) -> None:
    with pytest.raises(SpecError, match=words):
        resolve(Choice("corruption_robustness", options), "here")
