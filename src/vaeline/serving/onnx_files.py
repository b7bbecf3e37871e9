"""A trained model as ONNX: encoder and decoder, each one file, equal to PyTorch's results."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing
from vaeline.models.contracts import Model
from vaeline.serving.graphs import Graph, graphs

OPSET = 18
ONNX_TOLERANCE = 1e-5  # between ONNX Runtime and PyTorch, of a value and relative to it
CHECKED_BATCHES = (1, 5)  # other than what a graph is traced with


def write_onnx(model: Model, folder: Path) -> dict[str, float]:
    """Writes encoder.onnx and decoder.onnx into `folder`, with the batch as their only free dimension.

    Returns:
        For each, the largest difference of its results from PyTorch's.

    Raises:
        VaelineError: The packages are missing, the model has no such graph, or ONNX Runtime's results differ.
    """
    _need_packages()
    return {name: _write(graph.eval(), folder / f"{name}.onnx") for name, graph in graphs(model).items()}


def _need_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise VaelineError(
            f"the package '{error.name}' is missing: `pip install 'vaeline[onnx]'` installs it"
        ) from None


def _write(graph: Graph, path: Path) -> float:
    batch = torch.export.Dim("batch")
    with replacing(path) as temporary, _quiet():
        torch.onnx.export(
            graph,
            tuple(graph.inputs.values()),
            temporary,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=(tuple({0: batch} for _ in graph.inputs),),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return _checked_difference(graph, temporary, path.name)


def _checked_difference(graph: Graph, path: Path, name: str) -> float:
    """Returns how far ONNX Runtime's results are from PyTorch's, for batches of other sizes."""
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    largest = 0.0
    for rows in CHECKED_BATCHES:
        inputs = {key: value[torch.arange(rows) % len(value)] for key, value in graph.inputs.items()}
        with torch.no_grad():
            expected = graph(*inputs.values()).numpy()
        (result,) = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        if not np.allclose(result, expected, rtol=ONNX_TOLERANCE, atol=ONNX_TOLERANCE):
            worst = np.abs(result - expected).max()
            raise VaelineError(f"{name}: ONNX Runtime's results differ from PyTorch's by {worst:.1e}")
        largest = max(largest, float(np.abs(result - expected).max()))
    return largest


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's remarks about its own workings from the terminal."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        yield
    logger.setLevel(before)
