"""Clients that are simulated: which images each has, in which order they take turns, and what they measure together."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.pruning.during import Training

_BATCH = 256  # images evaluated at a time
Ints = npt.NDArray[np.int64]


def deal(
    labels: npt.NDArray[np.integer[Any]], clients: int, concentration: float, rng: np.random.Generator
) -> list[Ints]:
    """Each client's images, in order, every image once.

    The images of each class are dealt by shares drawn from a symmetric Dirichlet law (Yurochkin et al. 2019, Bayesian
    nonparametric federated learning of neural networks, section 4); a client left with fewer than two takes some of the
    one that has most.

    Args:
        labels: (N,), of the images.
        clients: how many.
        concentration: of the law; small: each class is with few clients, large: all are alike.
        rng: draws the shares, and who gets which image of a class.
    """
    found: list[list[int]] = [[] for _ in range(clients)]
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        ends = np.rint(np.cumsum(rng.dirichlet(np.full(clients, concentration)))[:-1] * len(own)).astype(int)
        for client, part in zip(found, np.split(own, ends), strict=True):
            client += part.tolist()
    for client in found:
        while len(client) < min(2, len(labels) // clients):
            client.append(max(found, key=len).pop())
    return [np.array(sorted(c), dtype=np.int64) for c in found]


def in_turns(batches: Sequence[Tensor], dealt: Sequence[Ints], takers: Sequence[int]) -> list[Tensor]:
    """Batches of the same sizes, each of the client whose turn it is.

    Args:
        batches: of int64, the images of an epoch as they were shuffled; each client goes through its own in this order,
            and begins again when they are used up.
        dealt: each client's images.
        takers: by batch, whose turn it is.
    """
    import torch

    shuffled = torch.cat(list(batches)).cpu().numpy()
    own = [itertools.cycle(shuffled[np.isin(shuffled, images)]) for images in dealt]
    return [
        torch.tensor([next(own[who]) for _ in range(len(batch))], device=batch.device)
        for batch, who in zip(batches, takers, strict=True)
    ]


def loss_over(t: Training, mask: Mask, clients: Sequence[Sequence[int]]) -> float:
    """Mean cross-entropy over the clients' images of the network so masked, with their mean batch-norm statistics."""
    import torch
    import torch.nn.functional as F
    from torch.nn.modules.batchnorm import _BatchNorm

    from pruneviz.pruning.masking import apply

    assert t.data.train is not None
    split, net = t.data.train, copy.deepcopy(t.net).eval()
    apply(net, mask)
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    with torch.no_grad():
        if norms:
            measured = [_measured(net, norms, t, own) for own in clients]
            for m, *each in zip(norms, *measured, strict=True):
                assert m.running_mean is not None
                assert m.running_var is not None
                m.running_mean.copy_(torch.stack([mean for mean, _ in each]).mean(0))
                m.running_var.copy_(torch.stack([var for _, var in each]).mean(0))
        total, count = 0.0, 0
        for own in clients:
            for chosen in _batches(own):
                logits = net(t.data.preprocess(split.images[chosen], t.device))
                labels = torch.as_tensor(split.labels[chosen]).to(logits.device)
                total += float(F.cross_entropy(logits.double(), labels, reduction="sum"))
                count += len(chosen)
    return total / count


def _measured(
    net: nn.Module, norms: Sequence[nn.modules.batchnorm._BatchNorm], t: Training, own: Sequence[int]
) -> list[tuple[Tensor, Tensor]]:
    """Each batch norm's mean and variance over one client's images, the means of its batches."""
    assert t.data.train is not None
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # cumulative
        m.train()
    for chosen in _batches(own):
        net(t.data.preprocess(t.data.train.images[chosen], t.device))
    net.eval()
    found = []
    for m in norms:
        assert m.running_mean is not None
        assert m.running_var is not None
        found.append((m.running_mean.clone(), m.running_var.clone()))
    return found


def _batches(own: Sequence[int]) -> list[list[int]]:
    """Of about equal size, so that none is too small for batch norm."""
    size = math.ceil(len(own) / math.ceil(len(own) / _BATCH))
    return [list(own[at : at + size]) for at in range(0, len(own), size)]
