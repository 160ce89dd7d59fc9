"""Time of a whole robustness matrix, beside the bare passes that it cannot do without, in the same run.

    python benchmarks/robustness_matrix.py [--models 8] [--images 2000] [--corruptions NAME …] [--json]

Eight LeNet-5 look at 2,000 Fashion-MNIST test images under 19 corruptions in 5 severities. The matrix is what the
analysis ``corruption_robustness`` does for a study, corruption by corruption: corrupt each batch once, let every model
look at it, and make the tables, calibration and its floors included; the clean images come with it. Beside it, the same
number of forward passes alone, over images that are prepared already, and the corruptions alone. All of them take turns
and are seconds of processor time with one thread, so that a busy machine disturbs them alike.

Held to: at most 1.25 times the forward passes, plus one pass of the corruptions.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

HELD_TO = 1.25
BATCH = 500


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def prepare(models: int, images: int) -> tuple[list[Any], Any]:
    """So many LeNet-5 as an analysis sees them, and the images: those that ship, over and over."""
    from types import SimpleNamespace

    from pruneviz import data
    from pruneviz.core.spec import study_from_plain
    from pruneviz.models import build

    spec = study_from_plain(
        {"model": {"source": "sample:lenet5-fashion", "replicates": 6}, "data": {"source": "sample:fashion"}},
        "benchmark",
    )
    loaded = data.load(spec.data)
    if images > len(loaded.test):
        raise SystemExit(f"--images {images}: the data that ships has {len(loaded.test)} test images.")
    nets = [build(spec.models[0], i % 6) for i in range(models)]
    return [SimpleNamespace(run_id=f"{i}", net=n, data=loaded, device="cpu") for i, n in enumerate(nets)], loaded


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--corruptions", nargs="+", default=["all"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    import torch

    from pruneviz_analyses.corruption_robustness import CorruptionRobustness
    from pruneviz_analyses.corruption_robustness.observing import chosen_images, observe, shifted

    torch.set_num_threads(1)
    asked = replace(CorruptionRobustness(), corruptions=tuple(arguments.corruptions), images=arguments.images)
    seen, loaded = prepare(arguments.models, arguments.images)
    chosen = chosen_images(loaded.test.ids, asked.images, asked.seed)
    prepared = [loaded.preprocess(loaded.test.images[chosen[i : i + BATCH]]) for i in range(0, len(chosen), BATCH)]

    def look() -> None:
        with torch.inference_mode():
            for model in seen:
                for batch in prepared:
                    model.net(batch)

    def corrupting(part: Mapping[str, Any]) -> None:
        for severity in part["severities"]:
            shifted(loaded, chosen, severity, part, asked.means)

    look()  # once to warm up
    rows = [
        {
            "corruption": part["name"],
            "forward": sum(seconds(look) for _ in part["severities"]),
            "corrupting": seconds(partial(corrupting, part)),
            "matrix": seconds(partial(observe, seen, part, asked.means, lambda done, total: None)),
        }
        for part in asked.parts()
    ]
    if arguments.json:
        print(json.dumps(rows))
        return 0
    return report(rows, arguments.models, len(chosen))


def report(rows: list[dict[str, Any]], models: int, images: int) -> int:
    names = ("forward", "corrupting", "matrix")
    print(f"{models} LeNet-5, {images:,} images; seconds of processor time")
    print(f"{'':<20}" + "".join(f"{n:>12}" for n in names))
    for row in rows:
        print(f"{row['corruption']:<20}" + "".join(f"{row[n]:>12.2f}" for n in names))
    forward, corrupting, matrix = (sum(row[n] for row in rows) for n in names)
    print(f"{'all':<20}" + "".join(f"{v:>12.2f}" for v in (forward, corrupting, matrix)))
    ratio = (matrix - corrupting) / forward
    print(f"The matrix takes {ratio:.3f} times the forward passes plus one pass of the corruptions.")
    if ratio > HELD_TO:
        print(f"Slower than it is held to: {HELD_TO} times.")
    return int(ratio > HELD_TO)


if __name__ == "__main__":
    raise SystemExit(main())
