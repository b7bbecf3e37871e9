"""Functions of tensors as shared libraries, which PyTorch's compiler builds once on a machine.

`torch.compile` finds again what it has built as well, but imports the compiler and traces the function first,
ten seconds in each process, and its calls pass through Python. Here a function is known by what it computes.
"""

import getpass
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch._C._aoti import AOTIModelContainerRunnerCpu
from torch.fx import Graph, GraphModule

from vaeline.core.files import replacing
from vaeline.core.locking import locked
from vaeline.evaluation.compiling.building import OPTIONS, built
from vaeline.evaluation.compiling.computation import Computation, TensorFunction, digest
from vaeline.provenance.hardware import processor_facts

FEW_ROWS, LARGE_WEIGHT = 32, 2**18


def _bias_apart(bias: Tensor, x: Tensor, weight: Tensor, **scales: float) -> Tensor:
    """Returns bias + x @ weight, or NotImplemented if one of them is to be scaled.

    Left as it is, the bias would be copied into the result first, onto which the product is then added: two
    passes through memory. A sum the compiler would put together again; a difference becomes a part of
    whatever comes next.
    """
    return NotImplemented if scales else _product(x, weight) - (-bias)


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """Returns x @ weight.

    Before it multiplies by the transposed weight of a layer, MKL copies it into another order. With few rows
    that takes longer than the product, and the same product with its sides exchanged needs no such copy
    (32 rows into 400 units of 784 weights: 125 µs instead of 330, with AVX-512).
    """
    few = len(x) <= FEW_ROWS and weight.numel() >= LARGE_WEIGHT and not weight.is_contiguous()
    return torch.mm(weight.t(), x.t()).t() if few else torch.mm(x, weight)


DECOMPOSED = {torch.ops.aten.addmm.default: _bias_apart}


class Library:
    """A function of tensors on the CPU, built for tensors of the sizes, types and strides of `inputs`.

    Attributes:
        path: the shared library, which may not be there yet.
    """

    def __init__(self, function: TensorFunction, inputs: list[Tensor], varying: Sequence[Tensor]) -> None:
        """Takes a function that always computes the same of its inputs, and calls it once.

        What it changes in its inputs, the library changes as well.

        Args:
            function: what the library computes.
            inputs: such as it will be given.
            varying: tensors that may change, and which the function may therefore not use but as inputs.

        Raises:
            ValueError: if it does.
        """
        self._function, self._inputs = function, inputs
        computation = Computation(inputs, varying).of(function)
        self.path = _folder() / f"{digest(computation, *_machine())}.so"
        self._runner: AOTIModelContainerRunnerCpu | None = None

    def load(self) -> None:
        """Loads the library, and builds it before if it is not there.

        Of several processes that need it, such as experiments at once, the first builds it.

        Raises:
            Exception: of PyTorch's tracer or compiler, where it cannot be built.
        """
        if not self.path.is_file():
            with locked(self.path.with_suffix(".lock")):
                self._build()
        self._runner = AOTIModelContainerRunnerCpu(str(self.path), 1)

    def _build(self) -> None:
        if self.path.is_file():  # another process had the lock
            return
        with replacing(self.path, durable=False) as temporary:
            shutil.copyfile(built(self.traced(), self._inputs), temporary)

    def traced(self) -> GraphModule:
        """Returns a module of the function's operations, which takes the inputs one by one.

        Raises:
            Exception: if what is computed depends on what the inputs hold.
        """
        # This takes seconds, which finding a library does not.
        from torch.fx.experimental.proxy_tensor import make_fx

        # The tracer counts the arguments of a method wrongly.
        def function(tensors: list[Tensor]) -> list[Tensor]:
            return self._function(tensors)

        # Traced with tensors that have no content, by which nothing can be decided.
        tracer = make_fx(function, DECOMPOSED, tracing_mode="fake", _allow_non_fake_inputs=True)
        module = tracer(self._inputs)
        graph = Graph()
        graph.output(graph.graph_copy(module.graph, {}))
        for node in graph.nodes:
            node.meta.clear()  # or the compiler would take its tensors without content for the inputs
        return GraphModule(module, graph)

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """Returns what the function does, without a gradient to it."""
        assert self._runner is not None  # it was loaded
        return self._runner.run(inputs)


def _machine() -> tuple[str, ...]:
    """Returns what else a library depends on: the compiler, and what the processor can do."""
    facts = processor_facts()
    features = facts.get("flags") or facts.get("Features") or platform.processor()
    deterministic = torch.are_deterministic_algorithms_enabled()
    made_with = f"{OPTIONS} {[*DECOMPOSED]} {FEW_ROWS} {LARGE_WEIGHT}"
    return torch.__version__, made_with, features, str(torch.get_num_threads()), str(deterministic)


def _folder() -> Path:
    """Returns where PyTorch's compiler keeps what it has built, which it is not imported to say."""
    default = Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}"
    return Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or default) / "vaeline"
