"""The analyses: one module each, with the steps it requires, what it measures and the tables it writes."""

from pruneviz_analyses.registry import find, names, resolve

__all__ = ["find", "names", "resolve"]
