"""The analyses: one module each, with what it measures, the tables it writes and the sentences it finds."""

from pruneviz.core.analysis import Analysis, Subject
from pruneviz_analyses.registry import ANALYSES, find, names, resolve

__all__ = ["ANALYSES", "Analysis", "Subject", "find", "names", "resolve"]
