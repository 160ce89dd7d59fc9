"""Time and extra memory of choosing the smallest 90 % of a network's weights, beside torch.nn.utils.prune.

    python benchmarks/mask_selection.py [MILLIONS] [--threads N] [--json]

Each side runs in a process of its own, on the same weights: `pruneviz.pruning.select` with the recipe ``magnitude``
makes a mask; `global_unstructured` with ``L1Unstructured`` makes its masks and the masked weights. Extra memory is the
growth of the process's peak resident size during the call. The plain pass is one sum of |w| over all weights.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

SPARSITY = 0.9
LAYERS = 20


def network(millions: float) -> Any:
    """Linear layers with normally distributed weights of different scales."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    width = max(8, int((millions * 1e6 / LAYERS) ** 0.5))
    net = nn.Sequential(*(nn.Linear(width, width, bias=False, device="meta") for _ in range(LAYERS)))
    net.to_empty(device="cpu")
    for i, layer in enumerate(net):
        nn.init.normal_(layer.weight, std=0.02 * (1 + i % 5))
    return net


def ours(net: Any) -> Callable[[], int]:
    import torch

    from pruneviz.core.quantities import Target
    from pruneviz.models.inspect import LayerInfo, ModelInfo
    from pruneviz.pruning import RECIPES, select

    layers = tuple(LayerInfo(str(i), f"{i}.weight", "linear", tuple(m.weight.shape), 1) for i, m in enumerate(net))
    total = sum(layer.parameters for layer in layers)
    info = ModelInfo(layers, total, total, str(len(layers) - 1), ())
    example = torch.zeros(1)
    return lambda: (
        select(net, info, RECIPES["magnitude"], Target("sparsity", SPARSITY), example=example).mask.removed_count
    )


def torchs(net: Any) -> Callable[[], int]:
    from torch.nn.utils import prune

    def run() -> int:
        prune.global_unstructured([(m, "weight") for m in net], pruning_method=prune.L1Unstructured, amount=SPARSITY)
        return sum(int((m.weight_mask == 0).sum()) for m in net)

    return run


def plain_pass(net: Any) -> Callable[[], int]:
    import torch

    def run() -> int:
        with torch.no_grad():
            for m in net:
                for rows in m.weight.split(64):
                    rows.abs().sum()
        return 0

    return run


SIDES: dict[str, Callable[[Any], Callable[[], int]]] = {"pruneviz": ours, "torch": torchs, "plain pass": plain_pass}


def measure(side: str, millions: float, threads: int, repeats: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(threads)
    net = network(millions)
    run = SIDES[side](net)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, removed = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        removed = run()
        seconds.append(time.perf_counter() - start)
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    weights = sum(m.weight.numel() for m in net)
    return {"weights": weights, "removed": removed, "seconds": min(seconds), "extra_bytes": extra}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millions", nargs="?", type=float, default=20.0, help="millions of weights")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for side in SIDES:
        repeats = 1 if side == "torch" else 3  # torch changes its network, so it is measured once
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[side] = pool.apply(measure, (side, arguments.millions, arguments.threads, repeats))
    us, them, plain = found["pruneviz"], found["torch"], found["plain pass"]
    found["ratios"] = {
        "time_torch_over_pruneviz": them["seconds"] / us["seconds"],
        "memory_pruneviz_over_torch": us["extra_bytes"] / them["extra_bytes"],
        "plain_passes": us["seconds"] / plain["seconds"],
    }
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{us['weights']:,} weights, {SPARSITY:.0%} removed, {arguments.threads} threads")
    for side, row in found.items():
        if side != "ratios":
            print(f"  {side:<12} {row['seconds']:8.3f} s   {row['extra_bytes'] / 1e6:8.0f} MB extra")
    ratios = found["ratios"]
    print(
        f"  {ratios['time_torch_over_pruneviz']:.1f} times as fast as torch, "
        f"{ratios['memory_pruneviz_over_torch']:.3f} of its extra memory, "
        f"{ratios['plain_passes']:.1f} plain passes over the weights"
    )


if __name__ == "__main__":
    main()
