"""Importance weights of draws of z, by plain calls of the model or by a library that is built for them."""

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.func import functional_call

from vaeline.data.observations import Labelled, Observations, as_tensors, from_tensors
from vaeline.evaluation.chunks import device_of
from vaeline.evaluation.compiling.module import ModuleLibrary, why_not
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import RequestedNoise, global_noise, in_order

WEIGHTS_COMPILED_FROM = 10**10
"""Images × draws × values of an image: fewer do not win back the seconds that compiling takes."""


def compiling_pays(model: Model, images: int, k: int, compiling: Literal["auto", "always", "never"]) -> bool:
    """Returns whether the weights of k draws for each of so many `images` are to be compiled.

    On a GPU they are not: its kernels wait for no memory of the processor.
    """
    if device_of(model).type != "cpu":
        return False
    many = images * k * math.prod(model.event_shape) >= WEIGHTS_COMPILED_FROM
    return compiling == "always" or (compiling == "auto" and many)


class LogWeights:
    """log p(x|z) + log p(z) − log q(z|x) of drawn z, see `Inference.log_weights`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __call__(self, x: Observations, k: int) -> Tensor:
        """Returns the weights of k draws for x [B, *event_shape], in nats, [k, B]."""
        return self.model.infer(x, k).log_weights(x)


class CompiledLogWeights(LogWeights):
    """The same of a model on the CPU in one compiled call, of as many draws and examples as the first time.

    Others are computed as `LogWeights` does. So are all, with one line that says so, where compiling is not
    possible. The draws are the same in each case.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._size: tuple[int, int] | None = None
        self._requested = RequestedNoise()
        self._library: ModuleLibrary | None = None

    def __call__(self, x: Observations, k: int) -> Tensor:
        """Returns the weights, see `LogWeights`."""
        if self._size is None:
            self._size = k, len(x)
            self._library = self._built(x, k)
        if self._library is None or self._size != (k, len(x)):
            return super().__call__(x, k)
        (weights,) = self._library(as_tensors(x) + self._requested.prepared(global_noise))
        return weights

    def _built(self, x: Observations, k: int) -> ModuleLibrary | None:
        self.model.infer(x, k, self._requested)
        zeros = self._requested.prepared(lambda shape, like: like.new_zeros(shape))
        module, labelled = _Weights(self.model, k), isinstance(x, Labelled)

        def weights(own: Mapping[str, Tensor], tensors: list[Tensor]) -> list[Tensor]:
            return [functional_call(module, dict(own), from_tensors(tensors, labelled))]

        logging.getLogger("torch").setLevel(logging.ERROR)  # the compiler warns of what it will do slowly
        try:
            notice = "evaluate: compiling the bounds, which this machine then keeps"
            return ModuleLibrary(module, weights, as_tensors(x) + zeros, notice)
        except Exception as error:
            # Whatever kept the compiler: what is wrong with the model itself the plain call tells.
            print(f"evaluate: the bounds are not compiled ({why_not(error)})", file=sys.stderr)
            return None


class _Weights(nn.Module):
    """The weights of k draws that are made of prepared noise, as the call of one module."""

    def __init__(self, model: Model, k: int) -> None:
        super().__init__()
        self.model, self.k = model, k

    def forward(self, x: Observations, prepared: Sequence[Tensor]) -> Tensor:
        return self.model.infer(x, self.k, in_order(prepared)).log_weights(x)
