"""What happens after pruning: each recovery, its options and the training it does. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pruneviz.core.errors import SpecError
from pruneviz.core.options import option
from pruneviz.core.spec import TrainSpec
from pruneviz.models import imports
from pruneviz.training.codes import code_digest
from pruneviz.training.schedule import passes


@dataclass(frozen=True)
class Recovery:
    """What every recovery says of itself; the base class adds no option.

    Attributes:
        name: in the catalogue.
        trains: whether weights are trained, so that a seed and a training split are needed.
        needs_dense: whether the dense model takes part.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str] = ""
    trains: ClassVar[bool] = True
    needs_dense: ClassVar[bool] = False

    @property
    def needs_steps(self) -> tuple[int, ...]:
        """Steps of the dense training whose weights it goes back to; 0 is the initialisation."""
        return ()

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The training it does, as a whole schedule.

        Args:
            base: how the dense model was trained.
            kept_macs: kept fraction of the multiply-adds, in (0, 1].
        """
        raise NotImplementedError(f"{self.name} trains by no schedule")

    def first_step(self, base: TrainSpec, per_epoch: int) -> int:
        """The step of that schedule at which it starts."""
        return 0

    def epochs_of(self, base: TrainSpec, images: int, kept_macs: float = 1.0) -> float:
        """Passes over so many training images, roughly where steps are counted; for estimates."""
        return passes(self.settings(base, kept_macs), images)

    def check(self, base: TrainSpec) -> None:
        """Complain about options that do not go with the dense training.

        Raises:
            SpecError: so they do.
        """


def _whole(base: TrainSpec) -> TrainSpec:
    """The dense training's settings for a training to its end, of which no weights on the way are kept."""
    return replace(base, stop_epochs=None, keep_steps=())


@dataclass(frozen=True)
class NoRecovery(Recovery):
    """Nothing: the pruned model as it is."""

    name = "none"
    summary = "the pruned model as it is"
    trains = False

    def epochs_of(self, base: TrainSpec, images: int, kept_macs: float = 1.0) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True)
class FineTune(Recovery):
    """Training on from the surviving weights, at a low learning rate."""

    name = "finetune"
    summary = "train on from the surviving weights at a low learning rate"
    reference = (
        "Han et al. 2015, Learning both weights and connections for efficient neural networks (NeurIPS, "
        "arXiv 1506.02626)"
    )

    epochs: int = option(2, "passes over the training images", unit="epochs", ge=1)
    lr: float | None = option(None, "learning rate; absent: a tenth of the dense training's", gt=0)
    schedule: str = option("constant", "learning rate over steps", choices=("constant", "cosine", "linear", "step"))
    batch_size: int | None = option(None, "images a step; absent: the dense training's", unit="images", ge=1)
    sam_rho: float | None = option(None, "as under [train]; absent: the dense training's", ge=0)

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The dense training's settings with what is given here, without warm-up."""
        return replace(
            _whole(base),
            epochs=self.epochs,
            steps=None,
            lr=base.lr / 10 if self.lr is None else self.lr,
            schedule=self.schedule,
            batch_size=base.batch_size if self.batch_size is None else self.batch_size,
            sam_rho=base.sam_rho if self.sam_rho is None else self.sam_rho,
            warmup_epochs=0.0,
        )


@dataclass(frozen=True)
class Perp(FineTune):
    """Fine-tuning of few parameters: biases, norms, the head, and low-rank changes of the weights that stay.

    Adapters B (outputs × r) and A (r × inputs) change the weights W of a layer, of which removed ones are zero:
    ``masked`` to W + (alpha / r) · (BA) ⊙ [W ≠ 0], ``scale`` to W ⊙ (BA). Both begin by changing nothing, and are part
    of the weights afterwards. r is ``rank`` or, in a small layer, the largest for which an adapter has no more numbers
    than the layer: r · (outputs + inputs) ≤ outputs · inputs, at least 1. The head, the layer that makes the logits, is
    trained whole, or else gets adapters.
    """

    name = "perp"
    summary = "train few parameters: biases, norms, the head, and low-rank changes of the weights that stay"
    reference = "Zimmer et al. 2023, PERP: Rethinking the prune-retrain paradigm in the era of LLMs (arXiv 2312.15230)"

    biases: bool = option(True, "train biases")
    norms: bool = option(True, "train scales and shifts of normalising layers")
    head: bool = option(True, "train the layer that makes the logits")
    adapters: str = option(
        "masked",
        "low-rank changes of the other layers: masked adds them where a weight is left, scale multiplies by them",
        choices=("none", "masked", "scale"),
    )
    rank: int = option(16, "of the adapters; less in small layers", ge=1)
    alpha: float = option(32.0, "masked changes are scaled by alpha / rank", gt=0)

    def check(self, base: TrainSpec) -> None:
        """Refuse to train nothing."""
        if not (self.biases or self.norms or self.head) and self.adapters == "none":
            raise SpecError("recovery perp", "nothing to train", "at least one of biases, norms, head, adapters")


@dataclass(frozen=True)
class Distill(FineTune):
    """Fine-tuning towards the dense model's outputs as well as the labels.

    The loss is (1 − weight) · CE + weight · T² · KL(softmax(z_dense / T) ‖ softmax(z / T)), meaned over a batch.
    """

    name = "distill"
    summary = "train on from the surviving weights towards the dense model's outputs and the labels"
    reference = "Hinton, Vinyals & Dean 2015, Distilling the knowledge in a neural network (arXiv 1503.02531)"
    needs_dense = True

    weight: float = option(0.9, "α: weight of the dense model's outputs; the labels have the rest", ge=0, le=1)
    temperature: float = option(4.0, "T: by which logits are divided", gt=0)


@dataclass(frozen=True)
class LrRewind(Recovery):
    """Training on from the surviving weights, with the learning rates of the dense training's last epochs."""

    name = "lr-rewind"
    summary = "train on from the surviving weights with the dense training's last learning rates"
    reference = (
        "Renda, Frankle & Carbin 2020, Comparing rewinding and fine-tuning in neural network pruning (ICLR, "
        "arXiv 2003.02389)"
    )

    epochs: int | None = option(None, "how far to go back; absent: all of the training", unit="epochs", ge=1)

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The dense training's."""
        return _whole(base)

    def first_step(self, base: TrainSpec, per_epoch: int) -> int:
        """So many epochs before the end."""
        return 0 if self.epochs is None else (base.epochs - self.epochs) * per_epoch

    def epochs_of(self, base: TrainSpec, images: int, kept_macs: float = 1.0) -> float:
        """How far it goes back."""
        whole = super().epochs_of(base, images, kept_macs)
        return whole if self.epochs is None else whole * self.epochs / max(base.epochs, 1)

    def check(self, base: TrainSpec) -> None:
        """Refuse to go back further than there was training, or by epochs where only steps are counted."""
        if self.epochs is not None and base.steps is not None:
            raise SpecError("recovery lr-rewind epochs", self.epochs, "nothing, since [train] steps counts no epochs")
        if self.epochs is not None and self.epochs > base.epochs:
            allowed = f"1 to {base.epochs}, the epochs of [train]"
            raise SpecError("recovery lr-rewind epochs", self.epochs, allowed, "Raise [train] epochs, or leave it out.")


@dataclass(frozen=True)
class WeightRewind(Recovery):
    """The surviving weights set back to an earlier step of the dense training, and trained from there again."""

    name = "weight-rewind"
    summary = "set the surviving weights back to an earlier step and train from there again"
    reference = (
        "Frankle & Carbin 2019, The lottery ticket hypothesis: finding sparse, trainable neural networks (ICLR, "
        "arXiv 1803.03635), for to = 0; Frankle et al. 2020, Linear mode connectivity and the lottery ticket "
        "hypothesis (ICML, arXiv 1912.05671)"
    )

    to: int = option(0, "the step to go back to; 0 is the initialisation", unit="steps", ge=0)

    @property
    def needs_steps(self) -> tuple[int, ...]:
        """The step to go back to."""
        return (self.to,)

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The dense training's."""
        return _whole(base)

    def first_step(self, base: TrainSpec, per_epoch: int) -> int:
        """The step to go back to."""
        return self.to


@dataclass(frozen=True)
class Scratch(Recovery):
    """The pruned architecture initialised anew and trained like the dense model.

    Weights are drawn as for the dense architecture, then masked.
    """

    name = "scratch"
    summary = "initialise the pruned architecture anew and train it like the dense model"
    reference = (
        "Liu et al. 2019, Rethinking the value of network pruning (ICLR, arXiv 1810.05270), for Scratch-E and Scratch-B"
    )

    mode: str = option(
        "E", "E: as many epochs; B: as many multiply-adds, int(epochs · dense / pruned)", choices=("E", "B")
    )

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The dense training's; with mode B for more epochs."""
        if self.mode == "E":
            return _whole(base)
        steps = None if base.steps is None else int(base.steps / kept_macs + 1e-9)
        return replace(_whole(base), epochs=int(base.epochs / kept_macs + 1e-9), steps=steps)


@dataclass(frozen=True)
class BatchNorm(Recovery):
    """Batch-norm statistics measured again on the training images; no weight is changed."""

    name = "bn"
    summary = "measure the batch-norm statistics again on training images; no weight is changed"
    reference = (
        "Li et al. 2020, EagleEye: fast sub-net evaluation for efficient neural network pruning (ECCV, "
        "arXiv 2007.02491), for adaptive batch normalisation"
    )

    batch_size: int = option(500, "images a batch; the batches' statistics are averaged", unit="images", ge=2)

    def epochs_of(self, base: TrainSpec, images: int, kept_macs: float = 1.0) -> float:
        """One pass forward costs about a third of one of training."""
        return 1 / 3


def _function(value: Any, where: str) -> Any:
    if isinstance(value, str):
        imports.module_file(imports.split(value, where, ("memory",))[0], where)
    elif not callable(value):
        allowed = '"package.module:function", or in Python a function of (net, keeper, data, budget)'
        raise SpecError(where, value, allowed)
    return value


@dataclass(frozen=True)
class Custom(Recovery):
    """Your own function, called with (net, keeper, data, budget).

    It changes ``net`` in place, calls ``keeper.mask_grads()`` before its optimiser's steps (or ``keeper.apply()``
    after them), and returns how many steps it took, or ``None`` for those of the budget.
    """

    name = "custom"
    summary = "your own function of (net, keeper, data, budget)"

    function: Any = option(doc='"package.module:function", or a Python function', parse=_function)
    epochs: int = option(2, "the budget that it is given", unit="epochs", ge=0)

    def settings(self, base: TrainSpec, kept_macs: float = 1.0) -> TrainSpec:
        """The budget: the dense training's settings with these epochs."""
        return replace(_whole(base), epochs=self.epochs, steps=None)

    @property
    def title(self) -> str:
        """The function's name."""
        if isinstance(self.function, str):
            return self.function
        return f"{self.function.__module__}:{getattr(self.function, '__qualname__', type(self.function).__qualname__)}"

    def to_plain(self) -> dict[str, Any]:
        """Name, digest of the code, and budget; see :func:`~pruneviz.training.codes.code_digest`."""
        where = "recovery custom function"
        if isinstance(self.function, str):
            source = imports.source_digest(self.function, {}, where)
        else:
            source = code_digest(self.function)
        return {"function": self.title, "source_digest": source, "epochs": self.epochs}
