"""How long a person waits before anything happens, beside Python itself and what pruneviz is built on.

Each line is a fresh process, files warm: the median of 9, with the fastest and slowest.

    python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 9
COMMAND = str(Path(sys.executable).with_name("pruneviz"))
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import pruneviz (held to 0.3 s)": [sys.executable, "-c", "import pruneviz"],
    "pruneviz --help (held to 0.4 s)": [COMMAND, "--help"],
    "pruneviz methods": [COMMAND, "methods"],
    "import pandas": [sys.executable, "-c", "import pandas"],
    "import torch": [sys.executable, "-c", "import torch"],
}
LIMITS = {"import pruneviz (held to 0.3 s)": 0.3, "pruneviz --help (held to 0.4 s)": 0.4}


def seconds(command: list[str]) -> list[float]:
    """How long the command took, each time."""
    subprocess.run(command, capture_output=True, check=True)  # files into the cache
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - start)
    return sorted(taken)


def main() -> int:
    """Print the table; 1 where a limit is not kept."""
    kept = True
    for name, command in CASES.items():
        taken = seconds(command)
        median = statistics.median(taken)
        kept &= median <= LIMITS.get(name, float("inf"))
        print(f"{name:34s} {median:6.3f} s   ({taken[0]:.3f} … {taken[-1]:.3f})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
