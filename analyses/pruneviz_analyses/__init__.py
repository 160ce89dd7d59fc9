"""The analyses: one module each, with the steps it requires, what it measures and the tables it writes."""

from pruneviz_analyses.contract import Analysis, Subject
from pruneviz_analyses.registry import ANALYSES, find, names, resolve

__all__ = ["ANALYSES", "Analysis", "Subject", "find", "names", "resolve"]
