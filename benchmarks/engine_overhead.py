"""What the trainer costs over the same training written as a plain PyTorch loop: LeNet-5 on Fashion-MNIST.

Both train the same network on the same batches in the same order, from bytes to weights, with one thread, and come to
the same weights. Runs alternate, so that whatever else the machine does meets both, and processor time is counted;
the ratio is the median over pairs. With ``--check`` the exit status is 1 where it is above 1.05.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from pruneviz import data, models, training
from pruneviz.core.masks import Mask
from pruneviz.core.spec import DataSpec, ModelSpec, TrainSpec
from pruneviz.training.schedule import derived_seed

LIMIT = 1.05


def plain(net: nn.Module, images: data.ImageData, spec: TrainSpec) -> None:
    """The training as one would write it by hand."""
    assert images.train is not None
    pixels, labels = torch.tensor(images.train.images), torch.tensor(images.train.labels)
    optimizer = torch.optim.SGD(net.parameters(), spec.lr, spec.momentum, weight_decay=spec.weight_decay, fused=True)
    steps = spec.epochs * -(-len(labels) // spec.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    for epoch in range(spec.epochs):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(derived_seed(0, "order", epoch)))
        for chosen in order.split(spec.batch_size):
            batch = pixels[chosen].permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
            batch = batch.div_(255).sub_(images.mean[0]).div_(images.std[0])
            optimizer.zero_grad()
            F.cross_entropy(net(batch), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    net.eval()


def main() -> None:
    """Time both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--check", action="store_true", help=f"fail where the ratio is above {LIMIT}")
    args = parser.parse_args()
    torch.set_num_threads(1)
    # Without a validation split, since the plain loop does not validate.
    images = dataclasses.replace(data.load(DataSpec("sample:fashion")), val=None)
    spec = TrainSpec(epochs=1, batch_size=128)
    lenet = ModelSpec("pruneviz_samples.nets:LeNet5")

    def ours(net: nn.Module, *, masked: bool = False) -> None:
        # Half of every weight removed, so that gradients are masked as after pruning.
        half = {n: torch.arange(p.numel()).reshape(p.shape) % 2 == 0 for n, p in net.named_parameters() if p.dim() > 1}
        keeper = training.MaskKeeper(net, Mask.of(half)) if masked else None
        training.train(net, images, spec, seed=0, keeper=keeper)

    ways = {
        "plain loop": lambda net: plain(net, images, spec),
        "pruneviz": ours,
        "pruneviz, masked": lambda net: ours(net, masked=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    nets: dict[str, nn.Module] = {}
    for repeat in range(args.repeats + 1):
        for name, way in ways.items():
            nets[name] = models.build_fresh(lenet, 0)
            started = time.process_time()
            way(nets[name])
            if repeat > 0:  # the first one warms up
                seconds[name].append(time.process_time() - started)
    difference = max(
        float((a - b).detach().abs().max())
        for a, b in zip(nets["plain loop"].parameters(), nets["pruneviz"].parameters(), strict=True)
    )
    print("one epoch of LeNet-5 on 9,000 images, batches of 128, one thread")
    for name, times in seconds.items():
        ratio = statistics.median(t / base for t, base in zip(times, seconds["plain loop"], strict=True))
        print(f"{name:18} median {statistics.median(times):.3f} s, {ratio:.3f} × the plain loop")
    print(f"largest difference of a weight between the first two: {difference:.1e}")
    worst = statistics.median(t / b for t, b in zip(seconds["pruneviz"], seconds["plain loop"], strict=True))
    if args.check and worst > LIMIT:
        sys.exit(f"{worst:.3f} is above {LIMIT}")


if __name__ == "__main__":
    main()
