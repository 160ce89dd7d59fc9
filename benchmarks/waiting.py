"""How long a person waits for the demo: the study, the same study again, and the explorer on what it made.

Beside the study stands the bare training in it: as many epochs of the same model and images, in plain PyTorch, one
thread, divided by the number of cores. Run it on a quiet machine.

    python benchmarks/waiting.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("pruneviz"))
PORT = 5977
LIMITS = {"the demo study": 120.0, "the same again": 3.0, "the explorer": 6.0}


def study_seconds(store: Path) -> float:
    """How long ``pruneviz run demo`` takes."""
    start = time.perf_counter()
    subprocess.run([COMMAND, "run", "demo", "--store", str(store)], capture_output=True, check=True)
    return time.perf_counter() - start


def explorer_seconds(store: Path) -> float:
    """From the command until the page has come, with the server started anew."""
    start = time.perf_counter()
    with subprocess.Popen(
        [COMMAND, "app", str(store), "--no-browser", "--port", str(PORT)], stdout=subprocess.DEVNULL
    ) as server:
        try:
            while time.perf_counter() - start < 60:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=60) as page:
                        page.read()
                    return time.perf_counter() - start
                except OSError:
                    time.sleep(0.05)
            raise SystemExit("the explorer did not come up within a minute")
        finally:
            server.terminate()


def bare_epoch_seconds() -> float:
    """One epoch of the demo's model on the demo's images in plain PyTorch, one thread, at its batch size."""
    import torch

    from pruneviz import data, models
    from pruneviz.core.spec import DataSpec, ModelSpec, TrainSpec

    torch.set_num_threads(1)
    net = models.build(ModelSpec("sample:lenet5-fashion"), 0).train()
    loaded = data.load(DataSpec("sample:fashion"))
    assert loaded.train is not None
    images, labels = loaded.preprocess(loaded.train.images), torch.as_tensor(loaded.train.labels)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        for batch in torch.randperm(len(labels)).split(TrainSpec().batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        taken.append(time.perf_counter() - start)
    return min(taken)


def fine_tuned(store: Path) -> int:
    """The runs of the demo that trained for one epoch."""
    import pruneviz

    return int((pruneviz.open(store).runs["recovery"] != "none").sum())


def main() -> int:
    """Print the table; 1 where a limit is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "demo"
        taken = {"the demo study": study_seconds(store), "the same again": study_seconds(store)}
        taken["the explorer"] = explorer_seconds(store)
        epochs = fine_tuned(store)
    for name, seconds in taken.items():
        print(f"{name:20s} {seconds:6.1f} s   (held to {LIMITS[name]:g} s)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bare = bare_epoch_seconds()
    print(
        f"{'bare training in it':20s} {bare * epochs / cores:6.1f} s   ({epochs} epochs of {bare:.2f} s, {cores} cores)"
    )
    return 0 if all(seconds <= LIMITS[name] for name, seconds in taken.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
