"""Prune models in many ways, measure what each way did to them, keep everything, and see any of it side by side."""

from __future__ import annotations

__version__ = "0.1.0"
