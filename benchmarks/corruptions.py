"""Time of the 19 corruptions, beside the package imagecorruptions-imaug on the same machine in the same run.

    python benchmarks/corruptions.py [--other PYTHON] [--severities 3 …] [--json]

The package is no dependency: install it anywhere (``python -m venv V; V/bin/pip install imagecorruptions-imaug``) and
name that interpreter (``--other V/bin/python``; absent: this one). Without it pruneviz is timed alone.

Both make 1,000 colour pictures of 32×32 and 100 of 224×224 with the constants of ImageNet-C, which are the package's
own, in one thread each: pruneviz a batch at once, the package picture by picture, which is all that it can. Times are
seconds of processor time, the mean over the severities, after a first call that makes tables or compiles; the sides
take turns, corruption by corruption. The package's frost reads a photograph for every picture, ours grows ice once:
the ratio is given without frost too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

COUNTS = {32: 1000, 224: 100}
HELD_TO = 10


def pictures(side: int) -> Any:
    """uint8 (N, side, side, 3), the same ones always: noise whose power falls with the frequency, as in photographs."""
    import numpy as np

    rng = np.random.default_rng(side)
    frequency = np.maximum(np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)), 1 / side)[..., None]
    spectrum = np.fft.rfft2(rng.normal(size=(COUNTS[side], side, side, 3)), axes=(1, 2)) / frequency**1.2
    waves = np.fft.irfft2(spectrum, (side, side), axes=(1, 2))
    waves -= waves.mean(axis=(1, 2), keepdims=True)
    return (128 + 55 * waves / waves.std(axis=(1, 2), keepdims=True)).clip(0, 255).astype(np.uint8)


def ours() -> Any:
    import torch

    from pruneviz.data.corruptions import corrupt

    torch.set_num_threads(1)
    return lambda batch, name, severity: corrupt(batch, name, severity, constants="imagenet-c")


def theirs() -> Any:
    import warnings

    import cv2
    from imagecorruptions import corrupt

    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    return lambda batch, name, severity: [corrupt(x, corruption_name=name, severity=severity) for x in batch]


SIDES = {"pruneviz": ours, "imagecorruptions-imaug": theirs}


def work(side: str) -> None:
    """Answer orders, each a line of JSON, with seconds."""
    try:
        run = SIDES[side]()
    except ImportError as e:
        print(json.dumps({"absent": str(e)}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    made = {size: pictures(size) for size in COUNTS}
    for line in sys.stdin:
        order = json.loads(line)
        batch = made[order["size"]]
        run(batch[:2], order["name"], order["severity"])
        start = time.process_time()
        run(batch, order["name"], order["severity"])
        print(json.dumps({"seconds": time.process_time() - start}), flush=True)


class Worker:
    """A side in a process of its own, with one thread."""

    def __init__(self, side: str, python: str) -> None:
        single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
        self.process = subprocess.Popen(
            [python, __file__, "--work", side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **single},
            text=True,
        )
        self.absent = self._answer().get("absent")

    def seconds(self, **order: object) -> float:
        """How long one corruption of all pictures of a size took."""
        assert self.process.stdin is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return float(self._answer()["seconds"])

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else {"absent": "it did not start"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", default=sys.executable, help="an interpreter that has imagecorruptions-imaug")
    parser.add_argument("--severities", nargs="+", type=int, default=[3], choices=range(1, 6))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return 0

    from pruneviz.data.corruptions import CORRUPTIONS

    workers = {side: Worker(side, sys.executable if side == "pruneviz" else arguments.other) for side in SIDES}
    present = {side: w for side, w in workers.items() if not w.absent}
    found = [
        {
            "corruption": name,
            "size": size,
            **{
                side: sum(w.seconds(name=name, size=size, severity=s) for s in arguments.severities)
                / len(arguments.severities)
                for side, w in present.items()
            },
        }
        for name in CORRUPTIONS
        for size in COUNTS
    ]
    if arguments.json:
        print(json.dumps(found))
        return 0
    return report(found, {side: w.absent for side, w in workers.items() if w.absent})


def report(found: list[dict[str, Any]], absent: dict[str, str]) -> int:
    for side, why in absent.items():
        print(f"{side} is not here ({why}): see --help.")
    sides = [side for side in SIDES if side not in absent]
    print(f"{'seconds':<20}" + "".join(f"{f'{s} {size}²':>30}" for size in COUNTS for s in sides))
    for name in dict.fromkeys(row["corruption"] for row in found):
        of = {row["size"]: row for row in found if row["corruption"] == name}
        print(f"{name:<20}" + "".join(f"{of[size][s]:>30.3f}" for size in COUNTS for s in sides))
    slow = False
    for left_out in ((), ("frost",)):
        rows = [row for row in found if row["corruption"] not in left_out]
        print("All 19:" if not left_out else "Without frost:")
        for label, sizes in (("32×32", {32}), ("224×224", {224}), ("both", set(COUNTS))):
            totals = [sum(row[s] for row in rows if row["size"] in sizes) for s in sides]
            line = ", ".join(f"{s} {t:.2f} s" for s, t in zip(sides, totals, strict=True))
            if len(totals) == 2:
                ratio = totals[1] / totals[0]
                line += f": {ratio:.1f} times as fast"
                slow |= not left_out and ratio < HELD_TO
            print(f"  {label:<8} {line}")
    if slow:
        print(f"Slower than it is held to: {HELD_TO} times as fast over the 19.")
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
