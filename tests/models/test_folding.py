"""Forms in which pruned weights are kept, folded: what comes out is what the other library computes with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_models
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from pruneviz.core.errors import CheckpointError
from pruneviz.models import checkpoint, folding
from pruneviz.models.plain import make_plain

State = dict[str, Tensor]


def net() -> nn.Module:
    torch.manual_seed(0)
    return own_models.tiny(norm=True)


class Masked(nn.Module):
    """What people write themselves."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def pruned_by_torch() -> nn.Module:
    made = net()
    prune.l1_unstructured(made[4], "weight", amount=0.5)
    prune.ln_structured(made[0], "weight", amount=0.5, n=2, dim=0)
    prune.random_unstructured(made[4], "weight", amount=0.5)  # twice: one mask
    return made


def parametrized() -> nn.Module:
    made = net()
    mask = (made[4].weight.detach().abs() > made[4].weight.detach().abs().median()).float()
    parametrize.register_parametrization(made[4], "weight", Masked(mask))
    return made


def read(state: State, path: Path) -> folding.Folded:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return checkpoint.read_given(path).folded


@pytest.mark.parametrize(("make", "form"), [(pruned_by_torch, folding.PAIRS), (parametrized, folding.PARAMETRIZED)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_masks_beside_weights(make: Callable[[], nn.Module], form: str, suffix: str, tmp_path: Path) -> None:
    made = make()
    folded = read(made.state_dict(), tmp_path / f"w{suffix}")
    assert set(folded.state) == set(net().state_dict())
    plain = net()
    checkpoint.load_into(plain, folded.state, "w")
    images = torch.randn(3, 1, 4, 4)
    assert torch.equal(plain.eval()(images), made.eval()(images))
    assert set(folded.forms.values()) == {form}
    for name, kept in folded.kept.items():
        assert torch.equal(kept, folded.state[name] != 0)


@pytest.mark.parametrize("make", [pruned_by_torch, parametrized])
def test_a_module_in_memory_gives_the_same_as_its_file(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    made = make()
    images = torch.randn(3, 1, 4, 4)
    before = made.eval()(images)
    folded = read(made.state_dict(), tmp_path / "w.pt")
    kept, forms = make_plain(made)
    assert forms == dict(folded.forms)
    assert kept.keys() == folded.kept.keys()
    assert all(torch.equal(k, folded.kept[n]) for n, k in kept.items())
    assert all(torch.equal(t, folded.state[n]) for n, t in made.state_dict().items())
    assert torch.equal(made(images), before)


def two_of_four() -> Tensor:
    w = torch.randn(6, 8)
    w[(w.view(-1, 4).abs().argsort(1).argsort(1) < 2).view(6, 8)] = 0
    return w


def bitmask(w: Tensor, *, base: str, whole: bool) -> State:
    """As compressed-tensors writes it: by rows, the least significant bit first."""
    bits = np.packbits((w != 0).numpy(), axis=-1, bitorder="little")
    kept = w[w != 0] if not whole else w[w != 0].reshape(len(w), -1)
    shape = torch.tensor(w.shape)
    return {f"{base}.compressed": kept, f"{base}.bitmask": torch.from_numpy(bits), f"{base}.shape": shape}


@pytest.mark.parametrize(
    "state",
    [
        lambda w: {"a.weight": w.to_sparse()},
        lambda w: {"a.weight": w.to_sparse_csr()},
        lambda w: {"a.weight": w.to_sparse_csc()},
        lambda w: bitmask(w, base="a", whole=True),
        lambda w: bitmask(w, base="a.weight", whole=False),
    ],
    ids=["coo", "csr", "csc", "sparse-24-bitmask", "sparse-bitmask"],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_only_what_is_kept_is_stored(state: Callable[[Tensor], State], tmp_path: Path) -> None:
    w = two_of_four()
    folded = read(state(w), tmp_path / "w.pt")
    assert torch.equal(folded.state["a.weight"], w)
    assert torch.equal(folded.kept["a.weight"], w != 0)
    assert set(folded.state) == {"a.weight"}


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_stored_zero_is_kept(tmp_path: Path) -> None:
    w = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), torch.tensor([0.0, 2.0]), (2, 2), check_invariants=True)
    kept = read({"a.weight": w}, tmp_path / "w.pt").kept["a.weight"]
    assert kept.tolist() == [[False, True], [True, False]]


def test_a_block_is_kept_whole(tmp_path: Path) -> None:
    folded = read({"a.weight": torch.eye(4).to_sparse_bsr((2, 2))}, tmp_path / "w.pt")
    assert torch.equal(folded.state["a.weight"], torch.eye(4))
    assert int(folded.kept["a.weight"].sum()) == 8


@pytest.mark.parametrize("rows", ["tensor", "rows", "groups", "zero point"])
def test_eight_bits_with_a_scale(rows: str, tmp_path: Path) -> None:
    q = torch.randint(-20, 20, (6, 8), dtype=torch.int8)
    scale = {"tensor": torch.tensor([0.5]), "groups": torch.rand(6, 2) + 0.1}.get(rows, torch.rand(6, 1) + 0.1)
    state = {"a.weight": q, "a.weight_scale": scale}
    per_entry = scale.repeat_interleave(4, 1) if rows == "groups" else scale
    expected = q.float() * per_entry
    if rows == "zero point":
        state["a.weight_zero_point"] = torch.full((6, 1), 3, dtype=torch.int8)
        expected = (q.float() - 3) * per_entry
    folded = read(state, tmp_path / "w.safetensors")
    assert torch.equal(folded.state["a.weight"], expected)
    assert "float32" in folded.notes[0]


@pytest.mark.filterwarnings("ignore")
def test_tensors_that_torch_quantised(tmp_path: Path) -> None:
    w = torch.randn(6, 8)
    q = torch.quantize_per_channel(w, torch.full((6,), 0.1).double(), torch.zeros(6).long(), 0, torch.qint8)
    assert torch.equal(read({"a.weight": q}, tmp_path / "w.pt").state["a.weight"], q.dequantize())


def weight_normed() -> State:
    made = net()
    parametrizations.weight_norm(made[4])
    return made.state_dict()


def bad_coo() -> Tensor:
    place = torch.tensor([[0, 10**9], [0, 1]])
    return torch.sparse_coo_tensor(place, torch.ones(2), (4, 4), check_invariants=False)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (weight_normed, ["'4.weight' is computed by a parametrization", "original0", "remove_parametrizations"]),
        (lambda: {"a.parametrizations.weight.original": torch.ones(2, 2)}, ["'a.weight'", "one mask of its shape"]),
        (
            lambda: {"w_orig": torch.ones(2), "w_mask": torch.tensor([0.5, 1])},
            ["'w_mask' is no mask", "zeros and ones"],
        ),
        (lambda: {"w_orig": torch.ones(2), "w_mask": torch.ones(3)}, ["'w_mask' is no mask", "(3,)", "(2,)"]),
        (lambda: {"a.bitmask": torch.ones(2, dtype=torch.uint8)}, ["'a.bitmask' stands without"]),
        (
            lambda: {**bitmask(torch.eye(8), base="a", whole=False), "a.shape": torch.tensor([8, 16])},
            ["'a.bitmask' does not fit", "[8, 16]"],
        ),
        (
            lambda: {**bitmask(torch.eye(8), base="a", whole=False), "a.shape": torch.tensor([-1, 8])},
            ["'a.shape' is [-1, 8]", "Write the file again"],
        ),
        (lambda: {"a.weight_packed": torch.ones(2, dtype=torch.int32)}, ["'a.weight_packed'", "Dequantise"]),
        (lambda: {"a._packed_params.dtype": torch.qint8}, ["'a._packed_params.dtype'", "activations", "Dequantise"]),
        (
            lambda: {"a.weight": torch.ones(6, 8, dtype=torch.int8), "a.weight_scale": torch.ones(5)},
            ["'a.weight' of shape (6, 8) has a scale of shape (5,)"],
        ),
        (lambda: {"a.weight": bad_coo()}, ["do not fit together"]),
        (lambda: {"a.weight": torch.tensor([float("nan")]).to_sparse()}, ["NaN"]),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_what_cannot_be_told_from_tensors_is_refused_by_name(
    state: Callable[[], dict[str, Any]], words: list[str], tmp_path: Path
) -> None:
    torch.save(state(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as e:
        checkpoint.read_given(tmp_path / "w.pt")
    for word in ["w.pt", *words]:
        assert word in str(e.value)


@pytest.mark.filterwarnings("ignore:The PyTorch API")
def test_sparse_tensors_that_name_code_are_refused_with_what_to_do(tmp_path: Path) -> None:
    from torch.sparse import SparseSemiStructuredTensorCUTLASS

    w = two_of_four().half()
    parts = {"packed": w, "meta": w, "packed_t": None, "meta_t": None, "compressed_swizzled_bitmask": None}
    made = SparseSemiStructuredTensorCUTLASS(torch.Size(w.shape), **parts)
    torch.save({"a.weight": made}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"w\.pt: holds 2:4 sparse tensors of torch.*to_dense"):
        checkpoint.read_given(tmp_path / "w.pt")


def test_a_study_reads_pairs_alone(tmp_path: Path) -> None:
    """A dense model that is to be pruned should not have been something else before."""
    torch.save({"a.weight": torch.eye(2).to_sparse()}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="sparse_coo"):
        checkpoint.read(tmp_path / "w.pt")
