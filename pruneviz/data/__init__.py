"""Where images and labels come from: ``load`` turns a :class:`~pruneviz.core.spec.DataSpec` into :class:`ImageData`."""

from pruneviz.data.dataset import ImageData, Split
from pruneviz.data.fetching import fetch
from pruneviz.data.loading import identity, load
from pruneviz.data.preprocess import Preprocess
from pruneviz.data.sources import SourceInfo, catalogue
from pruneviz.data.thumbnails import pictures

__all__ = ["ImageData", "Preprocess", "SourceInfo", "Split", "catalogue", "fetch", "identity", "load", "pictures"]
