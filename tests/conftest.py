"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A shell starts what runs in the background deaf to Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# One thread each, before anything imports torch: two workers on two cores must not fight, and results depend on it.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# The same examples every time: a failure in CI is a failure here. No deadline: machines differ.
settings.register_profile(
    "pruneviz", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pruneviz")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference models and data that lies beside a checkout; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the reference data of {SHARED}, which is not here")
    return SHARED


@pytest.fixture
def elsewhere() -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in a thread of its own: Playwright leaves the event loop of this one running."""

    def run(work: Callable[[], Any]) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(work).result()

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that starts; skips where there is none."""
    import chromium as finder

    path = finder.executable()
    if path is None:
        pytest.skip("needs a Chromium: python tests/chromium.py --install")
    return path
