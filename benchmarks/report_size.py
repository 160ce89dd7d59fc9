"""How long reports take and how large they are: 16 models on 10,000 images, and a study of 1,000 runs.

The studies are synthetic: their tables behave like real ones, and nothing is trained. Reading a store comes on top;
`benchmarks/waiting.py` has that of the demo.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from reportable import Reportable

from pruneviz.report import Wanted, write_report


def main() -> None:
    wide = Reportable(samples=10_000, methods=3, replicates=2, retrained=False)
    runs = wide.runs
    sixteen = list(runs.loc[(runs["method"] != "dense") & (runs["replicate"] == 0), "run_id"][:16])
    long = Reportable(samples=2_000, methods=10, replicates=8, seeds=2)
    studies = {
        f"16 models, {wide.samples:,} images": (wide, Wanted(models=sixteen)),
        f"{len(long.runs):,} runs, {long.samples:,} images": (long, Wanted()),
    }
    print(f"{'study':34}{'format':>8}{'seconds':>10}{'MB':>8}{'files':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (study, wanted) in studies.items():
            for ending in (".html", ".pdf", ".md", ".tex"):
                started = time.perf_counter()
                written = write_report(study, Path(folder) / f"report{ending}", wanted)
                seconds = time.perf_counter() - started
                files = 1 + len(written.beside)
                print(f"{name:34}{ending:>8}{seconds:>10.1f}{written.bytes / 1e6:>8.2f}{files:>7}", flush=True)
            for sentence in written.left_out:
                print(f"    {sentence}")


if __name__ == "__main__":
    main()
