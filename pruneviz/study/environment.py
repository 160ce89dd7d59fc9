"""What a result was made with: recorded beside it, never part of its key."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from typing import Any

PACKAGES = ("pruneviz", "torch", "numpy", "torch-pruning", "pandas", "pyarrow")


@cache
def environment(device: str = "cpu") -> dict[str, Any]:
    """Versions, platform, processor and device, as plain data."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "source"
    return {
        "python": platform.python_version(),
        "versions": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "device": _device_name(device),
        "threads": 1,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device} {torch.cuda.get_device_name(device)}"
