"""Fully connected encoder and decoder: 784 → 400 → 200 → latent by default, and mirrored back."""

import math
from itertools import pairwise
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import EventShape, Network
from vaeline.models.networks.init import initialise, output_bias
from vaeline.models.networks.options import ACTIVATIONS, NetworkSection


class MLPSection(NetworkSection, Protocol):
    """What an MLP reads of the section `network`."""

    @property
    def mlp(self) -> "MLP.Options":
        """Its own options."""


class MLP(Network):
    """The fully connected architecture: builds encoders and decoders.

    Hidden layer i has hidden_dim · taper^i units. The decoder mirrors the encoder; with `mirrored` off, each
    of its hidden layers is hidden_dim wide, which makes it the stronger of the two.
    """

    class Options(BaseOptions):
        """Options of `network.mlp`."""

        depth: int = Field(2, ge=1)
        taper: float = Field(0.5, gt=0, le=1)
        mirrored: bool = True

    def __init__(self, section: MLPSection, *, hidden_dim: int) -> None:
        self.section = section
        self.widths = [max(1, round(hidden_dim * section.mlp.taper**i)) for i in range(section.mlp.depth)]

    def encoder(self, event_shape: EventShape) -> tuple[nn.Module, int]:
        """Returns a module [B, *event_shape] → [B, features], and the number of features."""
        hidden = self._hidden([math.prod(event_shape), *self.widths])
        return nn.Sequential(nn.Flatten(), hidden), self.widths[-1]

    def decoder(self, latent_dim: int, event_shape: EventShape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *event_shape] that ends with a linear layer."""
        widths = self.widths[::-1] if self.section.mlp.mirrored else [self.widths[0]] * len(self.widths)
        last = nn.Linear(widths[-1], math.prod(event_shape))
        initialise(last, self.section.init)
        return nn.Sequential(self._hidden([latent_dim, *widths]), last, nn.Unflatten(1, event_shape))

    @torch.no_grad()
    def start_at(self, decoder: nn.Module, parameters: Tensor) -> None:
        """Sets the output bias of `decoder` to `parameters` [*event_shape], if `output_bias` says so."""
        if self.section.output_bias == "data_mean":
            output_bias(decoder).copy_(parameters.flatten())

    def _hidden(self, widths: list[int]) -> nn.Sequential:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers.append(nn.Linear(fan_in, fan_out))
            if self.section.batch_norm:
                layers.append(nn.BatchNorm1d(fan_out))
            layers.append(ACTIVATIONS[self.section.activation]())
        hidden = nn.Sequential(*layers)
        initialise(hidden, self.section.init, self.section.activation)
        return hidden
