"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from typing import Protocol

from pydantic import Field
from torch.optim.optimizer import ParamsT

from vaeline.core.params import BaseOptions
from vaeline.training.optimizers.skipping import SkippingOptimizer, skipping


class SoapSection(Protocol):
    """What `soap` reads of the section `optimizer`."""

    @property
    def soap(self) -> "Soap.Options":
        """Options of `soap`."""


class Soap(SkippingOptimizer):
    """SOAP (Vyas et al. 2025, algorithm 3), in the implementation of pytorch-optimizer.

    It applies Adam to each matrix in a basis in which its gradients are nearly uncorrelated. Sides longer
    than `max_side` keep their own basis, which saves most of the time for images. Weight decay is decoupled.
    """

    class Options(BaseOptions):
        """Options of `optimizer.soap`: decay of moments and bases; steps between two bases; longest side."""

        beta1: float = Field(0.95, ge=0, lt=1)
        beta2: float = Field(0.95, ge=0, lt=1)
        every: int = Field(50, ge=1)
        max_side: int = Field(512, ge=1)

    def __init__(
        self, *, section: SoapSection, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        from pytorch_optimizer.optimizer.soap import SOAP  # takes a second or two: only where it is needed

        options = section.soap
        self._soap = SOAP(
            parameters,
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
            weight_decay=weight_decay,
            precondition_frequency=options.every,
            max_precondition_dim=options.max_side,
        )
        super().__init__(self._soap.param_groups, {})

    @skipping
    def step(self) -> None:  # type: ignore[override]  # without a closure, which no one passes
        """Updates every parameter that has a gradient; the first call only computes the bases."""
        # What a scheduler sets and a checkpoint holds are this optimizer's own groups and state.
        self._soap.param_groups, self._soap.state = self.param_groups, self.state
        self._soap.step()
