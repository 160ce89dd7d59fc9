"""Small networks and data that the tests of pruning share, and snapshots of a network."""

from pruneviz.testing import ARCHITECTURES, Case, build, case, same, snapshot

__all__ = ["ARCHITECTURES", "Case", "build", "case", "same", "snapshot"]
