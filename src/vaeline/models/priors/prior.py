"""What every prior is."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution


class Prior(nn.Module):
    """A module whose call returns p(z), batch [], event [latent_dim].

    It is built with `latent_dim`; with `recognise`, the model's own way from inputs [M, *shape] to q(z|·), of
    which some priors are made; and with that `shape`.
    """

    def __init__(self, section: Any, **context: Any) -> None:  # noqa: ARG002
        super().__init__()

    def start_at(self, examples: Callable[[int], Tensor]) -> None:
        """Starts at training examples, if it is made of such: `examples(M)` gives inputs [M, *shape]."""

    def forward(self) -> Distribution:
        """Returns p(z)."""
        raise NotImplementedError
