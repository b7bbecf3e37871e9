"""What is computed of a module and of further tensors, as a shared library."""

import sys
from collections.abc import Callable, Mapping

from torch import Tensor, nn
from tqdm import tqdm

from vaeline.core.errors import first_line
from vaeline.evaluation.compiling.library import Library

OfModule = Callable[[Mapping[str, Tensor], list[Tensor]], list[Tensor]]
"""A function of a module's weights and buffers by their names, and of further tensors."""


class ModuleLibrary:
    """A function of a module's weights and buffers, which may change from call to call, and of tensors."""

    def __init__(self, module: nn.Module, function: OfModule, tensors: list[Tensor], notice: str) -> None:
        """Builds the library where it is not there yet, which takes half a minute.

        The function is called once, on copies of weights and buffers, and may use no others.

        Args:
            module: whose weights and buffers the function takes.
            function: what is computed.
            tensors: such as it will be given.
            notice: what to print on standard error before it is built.

        Raises:
            Exception: where it cannot be built.
        """
        own = dict(module.named_parameters()) | dict(module.named_buffers())

        def flat(inputs: list[Tensor]) -> list[Tensor]:
            return function(dict(zip(own, inputs, strict=False)), inputs[len(own) :])

        copies = [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in own.values()]
        self._library = Library(flat, copies + tensors, varying=list(own.values()))
        if not self._library.path.is_file():
            tqdm.write(notice, file=sys.stderr)
        self._library.load()
        self._own = [tensor.detach() for tensor in own.values()]

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        """Returns what the function gives for the module as it is now, without a gradient."""
        return self._library(self._own + tensors)


def why_not(error: Exception) -> str:
    """Returns in one line what kept the compiler."""
    return f"{type(error).__name__}: {first_line(error)}"
