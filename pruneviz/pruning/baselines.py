"""The methods that every other is compared with."""

from __future__ import annotations

from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Erk, Global, GlobalFloor, Pattern, Uniform
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual, Iterative, OneShot
from pruneviz.pruning.scores import BatchNormScale, FilterNorm, Gradient, Magnitude, Random, Snip, Taylor
from pruneviz.pruning.spaces import NM, Channels, Weights

_HAN = Reference(
    "Han, Pool, Tran, Dally",
    2015,
    "Learning both weights and connections for efficient neural networks",
    "NeurIPS",
    "1506.02626",
)
_MOZER = Reference(
    "Mozer, Smolensky",
    1988,
    "Skeletonization: a technique for trimming the fat from a network via relevance assessment",
    "NeurIPS",
)
_MOLCHANOV_2017 = Reference(
    "Molchanov, Tyree, Karras, Aila, Kautz",
    2017,
    "Pruning convolutional neural networks for resource efficient inference",
    "ICLR",
    "1611.06440",
)
_MOLCHANOV_2019 = Reference(
    "Molchanov, Mallya, Tyree, Frosio, Kautz",
    2019,
    "Importance estimation for neural network pruning",
    "CVPR",
    "1906.10771",
)
_LEE = Reference(
    "Lee, Ajanthan, Torr",
    2019,
    "SNIP: single-shot network pruning based on connection sensitivity",
    "ICLR",
    "1810.02340",
)
_GUPTA = Reference(
    "Gupta, Camci, Keneta, Vaidyanathan, Kanodia, Foo, Wu, Lin",
    2022,
    "Is complexity required for neural network pruning? A case study on global magnitude pruning",
    "preprint",
    "2209.14624",
)
_EVCI = Reference(
    "Evci, Gale, Menick, Castro, Elsen", 2020, "Rigging the lottery: making all tickets winners", "ICML", "1911.11134"
)
_ZHU = Reference(
    "Zhu, Gupta",
    2017,
    "To prune, or not to prune: exploring the efficacy of pruning for model compression",
    "ICLR workshop",
    "1710.01878",
)
_MISHRA = Reference("Mishra et al.", 2021, "Accelerating sparse deep neural networks", "preprint", "2104.08378")
_LI = Reference(
    "Li, Kadav, Durdanovic, Samet, Graf", 2017, "Pruning filters for efficient ConvNets", "ICLR", "1608.08710"
)
_LIU = Reference(
    "Liu, Li, Shen, Huang, Yan, Zhang",
    2017,
    "Learning efficient convolutional networks through network slimming",
    "ICCV",
    "1708.06519",
)


BASELINES: tuple[Recipe, ...] = (
    Recipe(
        name="random",
        space=Weights(),
        score=Random(),
        allocation=Global(),
        schedule=OneShot(),
        summary="chance: the control that every weight-pruning method stands beside",
        formula="remove the k weights with the smallest u, u ~ U(0, 1)",
    ),
    Recipe(
        name="magnitude",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the smallest weights, over the whole network",
        formula="remove the k weights with the smallest |w|",
        reference=_HAN,
    ),
    Recipe(
        name="gradient",
        space=Weights(),
        score=Gradient(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights with the smallest gradients of the loss",
        formula="remove the k weights with the smallest E|∂ℓ/∂w|",
        reference=_MOZER,
    ),
    Recipe(
        name="taylor",
        space=Weights(),
        score=Taylor(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights whose removal changes the loss least, to first order",
        formula="remove the k weights with the smallest E|w · ∂ℓ/∂w|",
        reference=_MOLCHANOV_2017,
    ),
    Recipe(
        name="snip",
        space=Weights(),
        score=Snip(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the connections to which the loss is least sensitive",
        formula="remove the k weights with the smallest |w · ḡ| / Σ|w · ḡ|, ḡ = E ∂ℓ/∂w",
        reference=_LEE,
        untrained=True,
        differs="taken at the given weights, in evaluation mode",
    ),
    Recipe(
        name="global-mp",
        space=Weights(),
        score=Magnitude(),
        allocation=GlobalFloor(),
        schedule=OneShot(),
        summary="global magnitude with a least number of weights kept in every layer",
        formula="smallest |w|; every layer keeps int(.0005 · total), the others' sparsities are rescaled",
        reference=_GUPTA,
    ),
    Recipe(
        name="global-mp-gradual",
        space=Weights(),
        score=Magnitude(),
        allocation=GlobalFloor(),
        schedule=Gradual(),
        summary="global magnitude during training, on a cubic schedule, a least number kept in every layer",
        formula="s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(nΔt))³; smallest |w|, floor int(.0005 · total)",
        reference=_GUPTA,
        recovery=Choice("finetune", {}),
    ),
    Recipe(
        name="erk",
        space=Weights(),
        score=Random(),
        allocation=Erk(),
        schedule=OneShot(),
        summary="random weights, layer densities by the Erdős-Rényi-Kernel rule",
        formula="density_l = ε · Σ_i shape_i / Π_i shape_i, at most 1; within a layer at random",
        reference=_EVCI,
        untrained=True,
    ),
    Recipe(
        name="iterative-magnitude",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Iterative(),
        summary="global magnitude in several levels, with recovery after each",
        formula="at level i of n remove the smallest |w| until the fraction (1 − s)^(i/n) remains",
        reference=_HAN,
    ),
    Recipe(
        name="gradual-magnitude",
        space=Weights(),
        score=Magnitude(),
        allocation=Uniform(),
        schedule=Gradual(),
        summary="magnitude during training, on a cubic schedule",
        formula="s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(nΔt))³; per layer remove the smallest |w|",
        reference=_ZHU,
        recovery=Choice("finetune", {}),
    ),
    Recipe(
        name="nm-magnitude",
        space=NM(),
        score=Magnitude(),
        allocation=Pattern(),
        schedule=OneShot(),
        summary="the smaller half of every four inputs (2:4)",
        formula="of every M consecutive inputs keep the N with the largest |w|",
        reference=_MISHRA,
    ),
    Recipe(
        name="random-nm",
        space=NM(),
        score=Random(),
        allocation=Pattern(),
        schedule=OneShot(),
        summary="chance within every group of M inputs: the control of N:M methods",
        formula="of every M consecutive inputs keep N at random",
    ),
    Recipe(
        name="random-channel",
        space=Channels(),
        score=Random(),
        allocation=Global(),
        schedule=OneShot(),
        summary="chance: the control that every channel-pruning method stands beside",
        formula="remove the k channels with the smallest u, u ~ U(0, 1)",
    ),
    Recipe(
        name="l1-filter",
        space=Channels(),
        score=FilterNorm(1),
        allocation=Uniform(),
        schedule=OneShot(),
        summary="the filters with the smallest L1 norm, the same fraction of every group",
        formula="per group remove the channels with the smallest Σ|w| over their filters",
        reference=_LI,
    ),
    Recipe(
        name="l2-filter",
        space=Channels(),
        score=FilterNorm(2),
        allocation=Uniform(),
        schedule=OneShot(),
        summary="the filters with the smallest L2 norm, the same fraction of every group",
        formula="per group remove the channels with the smallest √Σw² over their filters",
        reference=_LI,
    ),
    Recipe(
        name="bn-scale",
        space=Channels(),
        score=BatchNormScale(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels that batch norm scales least",
        formula="remove the k channels with the smallest |γ|",
        reference=_LIU,
        differs="the paper trains with an L1 penalty on γ first",
    ),
    Recipe(
        name="taylor-channel",
        space=Channels(),
        score=Taylor(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels whose removal changes the loss least, to first order",
        formula="remove the k channels with the smallest E|Σ w · ∂ℓ/∂w| over their filters",
        reference=_MOLCHANOV_2019,
        differs="absolute values, image by image; the paper squares mini-batches' means (fisher-channel squares)",
    ),
)
