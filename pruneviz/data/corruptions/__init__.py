"""The corruptions of CIFAR-10-C and ImageNet-C, for pictures of any size, the same for a sample wherever it is made."""

from pruneviz.data.corruptions.corrupting import corrupt
from pruneviz.data.corruptions.registry import CORRUPTIONS, Corruption

__all__ = ["CORRUPTIONS", "Corruption", "corrupt"]
