"""Gates on channels: each channel's output is multiplied by a number that is learned while the network is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from pruneviz.pruning.gradual import PruningOnce

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.pruning.channels import ChannelUnits
    from pruneviz.pruning.during import Training


class Gated(PruningOnce, ABC):
    """Learns numbers through gates, then removes the channels of the smallest and takes the gates away.

    All layers whose outputs are coupled share their channels' gates. A gate stands behind the batch norm where every
    layer that makes the channels has one, otherwise behind the layers themselves as well.

    Attributes:
        learned: by name, what gates are made of; leaves that receive gradients.
    """

    learned: dict[str, Tensor]

    @abstractmethod
    def begin(self, t: Training) -> dict[str, Tensor]:
        """What gates are made of, before the first step."""

    @abstractmethod
    def gate(self, group: str) -> Tensor:
        """The gates of a group's channels, made of :attr:`learned`; called in every forward pass."""

    @abstractmethod
    def learn(self, t: Training) -> None:
        """Change :attr:`learned` after a step, in place and without recording; gradients are cleared afterwards."""

    @abstractmethod
    def ranking(self) -> dict[str, Tensor]:
        """What channels are ranked by, by group; the smallest go."""

    def channels(self, t: Training) -> ChannelUnits:
        """The network's channels."""
        from pruneviz.pruning.channels import ChannelUnits

        units = self.units(t)
        assert isinstance(units, ChannelUnits)
        return units

    def on_start(self, t: Training) -> None:
        """Put the gates in."""
        self.learned = {name: v.detach().clone().requires_grad_(True) for name, v in self.begin(t).items()}
        self.handles = [
            t.net.get_submodule(module).register_forward_hook(self._behind(parts))
            for module, parts in _places(self.channels(t), t).items()
        ]
        self.handles.append(t.net.register_forward_pre_hook(self._afresh))

    def after_step(self, t: Training) -> None:
        """Learn, and prune when it is time."""
        import torch

        if not self.reached:
            with torch.no_grad():
                self.learn(t)
            for leaf in self.learned.values():
                leaf.grad = None
        super().after_step(t)

    def finish(self, t: Training) -> None:
        """Take the gates away and remove the channels."""
        for handle in self.handles:
            handle.remove()
        self.keep(t, self.choose(t, self.target, {n: v.detach().float() for n, v in self.ranking().items()}))

    def _afresh(self, module: Any, args: Any) -> None:
        """Sharpness-aware training runs each batch twice; the gradients of the second pass count."""
        for leaf in self.learned.values():
            leaf.grad = None

    def _behind(self, parts: list[tuple[str, Tensor, Tensor]]) -> Any:
        import torch

        def hook(module: Any, args: Any, out: Tensor) -> Tensor:
            axis = out.dim() - 1 if isinstance(module, torch.nn.Linear) else 1
            factor = torch.ones(out.shape[axis], dtype=out.dtype, device=out.device)
            for group, index, unit in parts:
                factor = factor.index_copy(0, index, self.gate(group)[unit].to(out.dtype))
            return out * factor.reshape([-1 if i == axis else 1 for i in range(out.dim())])

        return hook


def _places(units: ChannelUnits, t: Training) -> dict[str, list[tuple[str, Tensor, Tensor]]]:
    """By module: the groups whose gates stand behind it, and which of its outputs are which channels."""
    import torch
    from torch.nn.modules.batchnorm import _NormBase

    found: dict[str, list[tuple[str, Tensor, Tensor]]] = {}
    for group in units.groups:
        members = [m for m in group.members if not m.consumes and m.attribute == "weight"]
        norms = [m for m in members if isinstance(t.net.get_submodule(m.module), _NormBase)]
        makers = [m for m in members if m.module in group.makers]
        for m in norms if len(norms) >= len(makers) else [*makers, *norms]:
            index, unit = (torch.from_numpy(a).to(t.device) for a in (m.index, m.unit))
            found.setdefault(m.module, []).append((group.name, index, unit))
    return found
