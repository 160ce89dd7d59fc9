"""Checkpoints: what is read, and what is refused with which words."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import own_models
import pytest
import torch
import torch.nn.utils.prune
from safetensors.torch import save_file
from torch import nn

from pruneviz.core.errors import CheckpointError
from pruneviz.models import checkpoint


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return own_models.tiny(norm=True).state_dict()


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(t, b[k]) for k, t in a.items())


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s, "optimizer": {"lr": 0.1}},
        lambda s: {"net": {f"module.{k}": t for k, t in s.items()}},
        lambda s: {"state_dict": {f"module._orig_mod.{k}": t for k, t in s.items()}},
        lambda s: {"model": {"state_dict": s}},
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th"])
def test_reads_state_dicts_however_wrapped(tmp_path: Path, wrapped: Any, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    torch.save(wrapped(state()), path)
    assert same(checkpoint.read(path), state())


def test_reads_safetensors_and_the_old_torch_format(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "w.safetensors")
    torch.save(state(), tmp_path / "w.th", _use_new_zipfile_serialization=False)
    assert same(checkpoint.read(tmp_path / "w.safetensors"), state())
    assert same(checkpoint.read(tmp_path / "w.th"), state())


def test_a_prefix_that_not_all_share_stays() -> None:
    kept = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert checkpoint._stripped(kept) == kept


def test_merges_what_torch_prune_split(tmp_path: Path) -> None:
    net = own_models.tiny()
    nn.utils.prune.l1_unstructured(net[3], "weight", amount=0.5)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    read = checkpoint.read(tmp_path / "w.pt")
    assert set(read) == set(own_models.tiny().state_dict())
    assert torch.equal(read["3.weight"], net[3].weight)
    assert int((read["3.weight"] == 0).sum()) == read["3.weight"].numel() // 2


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("this must not be printed",))


def test_code_in_a_pickle_is_refused_and_never_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": state(), "extra": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=r"evil\.pt.*pickle with code.*print.*safetensors"):
        checkpoint.read(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("suffix", [".pt", ".pkl", ".safetensors"])
def test_a_plain_pickle_never_runs_either(tmp_path: Path, protocol: int, suffix: str) -> None:
    path, victim = tmp_path / f"evil{suffix}", tmp_path / "made-by-a-checkpoint"

    class Opens:
        def __reduce__(self) -> Any:
            return (open, (str(victim), "w"))

    path.write_bytes(pickle.dumps(Opens(), protocol=protocol))
    with pytest.raises(
        CheckpointError, match="not a safetensors file" if "safe" in suffix else "is a pickle with code"
    ):
        checkpoint.read(path)
    assert not victim.exists()
    pickle.loads(path.read_bytes()).close()
    assert victim.exists()  # it would have


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.to_sparse(), r"4\.weight \(torch\.sparse_coo\)"),
        (lambda t: t.to(torch.float8_e4m3fn), r"4\.weight \(torch\.float8_e4m3fn\)"),
    ],
)
def test_tensors_in_which_nothing_can_be_computed_are_named(
    tmp_path: Path, change: Callable[[torch.Tensor], torch.Tensor], match: str
) -> None:
    torch.save({**state(), "4.weight": change(state()["4.weight"])}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=match):
        checkpoint.read(tmp_path / "w.pt")


@pytest.mark.parametrize("new_format", [True, False])
def test_a_whole_pickled_model_is_refused_by_the_name_of_its_class(tmp_path: Path, new_format: bool) -> None:
    torch.save(own_models.tiny(), tmp_path / "net.pt", _use_new_zipfile_serialization=new_format)
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.container\.Sequential.*state_dict"):
        checkpoint.read(tmp_path / "net.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".th"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_files_say_so(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=suffix == ".pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"cut\..*truncated"):
        checkpoint.read(path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "there is no such checkpoint file"),
        (b"", "is empty"),
        (b"this is a text, not a checkpoint", "truncated or not a torch checkpoint"),
        (b"\x80\x04K\x03.", "truncated or not a torch checkpoint|int"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None, match: str) -> None:
    path = tmp_path / "w.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=match):
        checkpoint.read(path)


@pytest.mark.parametrize(
    ("content", "match"),
    [({}, "no tensors"), ([torch.ones(2)], "holds list"), ({"w": torch.ones(2), "epoch": 3}, r"epoch \(int\)")],
)
def test_contents_that_are_no_state_dict(tmp_path: Path, content: Any, match: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=match):
        checkpoint.read(tmp_path / "w.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    bad = state()
    bad["4.weight"][0, 0] = value
    torch.save(bad, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"NaN or infinite values in 4\.weight\."):
        checkpoint.read(tmp_path / "w.pt")


def test_loading_fits_exactly() -> None:
    net = own_models.tiny(norm=True)
    checkpoint.load_into(net, state(), "w.pt")
    assert same(net.state_dict(), state())


def test_counters_of_batch_norm_may_be_missing() -> None:
    old = {k: t for k, t in state().items() if not k.endswith("num_batches_tracked")}
    checkpoint.load_into(own_models.tiny(norm=True), old, "w.pt")


def test_mismatches_are_counted_and_named() -> None:
    wrong = state()
    wrong["head.weight"] = wrong.pop("4.weight")
    wrong["6.weight"] = torch.ones(7, 4)
    net = own_models.tiny(norm=True)
    before = {k: t.clone() for k, t in net.state_dict().items()}
    with pytest.raises(CheckpointError) as e:
        checkpoint.load_into(net, wrong, "mine.pt")
    for part in (
        "mine.pt",
        "1 missing in the file: 4.weight",
        "1 unexpected in the file: head.weight",
        "1 of another shape: 6.weight (file (7, 4), model (3, 4))",
    ):
        assert part in str(e.value)
    assert same(net.state_dict(), before)


def test_many_mismatches_are_cut_short() -> None:
    with pytest.raises(CheckpointError, match=r"9 missing in the file: 0\.weight, 1\.weight, .* and 5 more"):
        checkpoint.load_into(own_models.tiny(norm=True), {"a": torch.ones(1)}, "w.pt")


def test_digest_follows_every_name_type_shape_and_value() -> None:
    def of(**tensors: torch.Tensor) -> str:
        return checkpoint.state_digest(tensors)

    first = of(a=torch.tensor([1.0, 2.0]))
    assert first == of(a=torch.tensor([1.0, 2.0]))
    others = [torch.tensor([1.0, 2.5]), torch.tensor([[1.0, 2.0]]), torch.tensor([1.0, 2.0], dtype=torch.float64)]
    assert len({first, of(b=torch.tensor([1.0, 2.0])), *(of(a=t) for t in others)}) == 5
