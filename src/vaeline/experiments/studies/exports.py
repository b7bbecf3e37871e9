"""Which models can be exported to what: one of every part, small and untrained, written and read back."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.core.params import StageParams, flatten_params, nest_params
from vaeline.core.progress import bar
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_config, preset_names
from vaeline.experiments.results import RESULTS
from vaeline.models.catalog import MODELS, OF_MODELS
from vaeline.models.contracts import Model
from vaeline.reporting.summary import markdown_text
from vaeline.serving.folder import read_model, write_model
from vaeline.serving.graphs import graphs
from vaeline.serving.onnx_files import ONNX_TOLERANCE, OPSET, write_onnx

PREFIX = "zoo-"
EVENT_SHAPE, CLASSES = (3, 12, 10), 4  # neither square nor divisible by 8, so that networks pad and crop
TINY = {
    "hidden_dim": 16,
    "latent_dim": 4,
    "network.conv.channels": 4,
    "network.residual.channels": 4,
    "likelihood.pixelcnn.channels": 4,
    "prior.vamp.components": 5,
    "model.vq.codes": 8,
    "model.vq.prior_channels": 8,
}
EXPORT_HEADINGS = ("model", "folder", "ONNX", "encoder", "decoder", "largest difference")
EXPORT_TEXT = """# What can be exported

One model of every part as in [Models](models.md), small and untrained, of observations of shape
{shape}: a graph does not depend on the weights. *Folder*: `model.safetensors` and `config.json`
were written and read back, and every weight is the same bit for bit. *ONNX*: `encoder.onnx` and
`decoder.onnx` were written at opset {opset} with the batch as free dimension, and run by ONNX
Runtime at other batch sizes than the traced one; the last column is the largest difference from
PyTorch, of which {tolerance:.0e} is allowed. `label` is an input of a model that is conditioned on
labels; `noise` is standard normal, and zeros give the mean of a Gaussian posterior.

`vaeline export-table` writes this page; no number is typed.

"""


@dataclass(frozen=True)
class ExportRow:
    """What became of one model.

    Attributes:
        model: The preset without its prefix.
        same_weights: Whether the exported folder gives the same weights.
        encoder: Inputs and output of the graph, or "".
        decoder: The same.
        difference: The largest one between ONNX Runtime and PyTorch, or None.
        reason: Why there is no ONNX, or "".
    """

    model: str
    same_weights: bool
    encoder: str = ""
    decoder: str = ""
    difference: float | None = None
    reason: str = ""


def export_rows(names: Sequence[str] = ()) -> list[ExportRow]:
    """Returns a row for each model of the zoo that is named; for all if none is.

    Raises:
        VaelineError: A name is unknown, or a package is missing.
    """
    every = [name.removeprefix(PREFIX) for name in preset_names() if name.startswith(PREFIX)]
    if unknown := [name for name in names if name not in every]:
        raise VaelineError(f"there is no '{unknown[0]}': {' '.join(every)}")
    outcomes: dict[str, dict[str, Any]] = {}  # rows that differ by objective or data alone have one model
    rows = []
    for name in bar(names or every, desc="export", unit="model"):
        model = _small_model(PREFIX + name)
        key = _sections(model)
        outcomes[key] = outcomes.get(key) or _outcome(model)
        rows.append(ExportRow(name, **outcomes[key]))
    return rows


def write_export_page() -> list[Path]:
    """Writes the page and its rows as JSON, and returns the paths of both."""
    rows = export_rows()
    page, values = RESULTS / "export.md", RESULTS / "export.json"
    shape = "×".join(map(str, EVENT_SHAPE))
    text = EXPORT_TEXT.format(shape=shape, opset=OPSET, tolerance=ONNX_TOLERANCE)
    write_text(page, f"{text}{export_table(rows)}\n")
    write_json(values, [asdict(row) for row in rows])
    return [page, values]


def export_table(rows: Sequence[ExportRow]) -> str:
    """Returns the rows as a Markdown table."""
    return markdown_table([EXPORT_HEADINGS, *map(_cells, rows)])


def _cells(row: ExportRow) -> tuple[str, ...]:
    folder = "yes" if row.same_weights else "no"
    if row.difference is None:
        return row.model, folder, f"no: {markdown_text(row.reason)}", "", "", ""
    return row.model, folder, "yes", row.encoder, row.decoder, f"{row.difference:.1e}"


def _small_model(preset: str) -> Model:
    """Returns the model of a preset, small and untrained."""
    values = nest_params(flatten_params(preset_config(preset).to_dict()) | TINY)
    params = StageParams(values)
    torch.manual_seed(0)
    model = MODELS.build(params.model, config=params, event_shape=EVENT_SHAPE, classes=CLASSES)
    model.config = values
    return model.eval()


def _sections(model: Model) -> str:
    """Returns the sections that a model is built from, as text: equal for models that are."""
    return json.dumps([model.config[table.section] for table in (MODELS, *OF_MODELS)])


def _outcome(model: Model) -> dict[str, Any]:
    """Returns the fields of a row that `model` decides."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(model, Path(folder))
        again = read_model(Path(folder)).state_dict()
        outcome: dict[str, Any] = {
            "same_weights": all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
        }
        try:
            halves = {name: graph.signature for name, graph in graphs(model).items()}
            return outcome | halves | {"difference": max(write_onnx(model, Path(folder)).values())}
        except VaelineError as error:
            return outcome | {"reason": str(error)}
