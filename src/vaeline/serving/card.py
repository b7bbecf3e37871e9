"""The model card: what a model is, how good it is, and how it was made, in Markdown."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaeline import __version__
from vaeline.config import ExperimentConfig
from vaeline.core.nouns import NOUNS
from vaeline.core.params import flatten_params, param_text
from vaeline.diagnosis.finding import findings_text
from vaeline.models.contracts import Model
from vaeline.provenance.commands import exp_run_command
from vaeline.reporting.summary import code_block, headline_table, markdown_text, run_noun
from vaeline.serving.reports import ModelReport

DESCRIBED_PARTS = ("model", "network", "posterior", "prior", "likelihood")
HOW_IT_RAN = ("experiment_name", "notes", "gate", "register_as")
"""Params that change no result."""
DATA_FACTS = {
    "prepare/data": "data set",
    "prepare/train_size": "training {examples}",
    "prepare/valid_size": "validation {examples}",
    "prepare/test_size": "test {examples}",
    "prepare/train_sha256": "SHA-256 of the training {examples}",
}
CARD = """\
---
library_name: vaeline
license: unknown  # fill in, for example apache-2.0
tags: [variational-autoencoder, generative-model]
---

# {title}

{description}

## Use

{use}

{sections}

## Licence

To be filled in, here and in the first lines of this file: the licence of the weights. That of the training
data may restrict it.
"""
FOLDER_USE = """\
```python
from vaeline.serving import load

trained = load({folder!r}){labels}
{examples} = trained.sample(16{given})  # [16, {shape}]
z = trained.encode({examples}{given})  # [16, {latent_dim}]
scores = trained.score({examples}{given})  # bounds on log p({x}) of each, in nats
```"""
ONNX_USE = """\
`encoder.onnx` takes {examples} and standard normal noise to z (zeros: to the mean of a Gaussian posterior),
and `decoder.onnx` z to E[x|z]{labelled}. The first axis of everything is the batch.

```python
from onnxruntime import InferenceSession

encoder, decoder = (InferenceSession(f"{folder}/{{name}}.onnx") for name in ("encoder", "decoder"))
for part in (encoder, decoder):
    print([(tensor.name, tensor.shape) for tensor in (*part.get_inputs(), *part.get_outputs())])
```"""
MLFLOW_USE = """\
```bash
mlflow models serve -m {path} --env-manager uv --port 5001
curl 127.0.0.1:5001/invocations -H 'Content-Type: application/json' -d @{path}/serving_input_example.json
```"""
USES = {"folder": FOLDER_USE, "onnx": ONNX_USE, "mlflow": MLFLOW_USE}
NO_REPORT = "The pipeline's report of this model was not found, so that it has no metrics here."


def model_card(model: Model, folder: Path, kind: str, report: ModelReport | None) -> str:
    """Returns the card of a trained model.

    Args:
        model: The model.
        folder: Where it is exported to.
        kind: The format: `folder`, `onnx` or `mlflow`.
        report: The report of the pipeline, if there is one.
    """
    use = USES[kind].format(
        folder=str(folder),
        path=shlex.quote(str(folder)),
        labels=f"\nlabels = [0] * 16  # each of {model.classes} classes" if model.classes else "",
        given=", labels" if model.classes else "",
        labelled=", both given labels" if model.classes else "",
        shape=", ".join(map(str, model.event_shape)),
        latent_dim=model.latent_dim,
        examples=NOUNS[len(model.event_shape)].examples,
        x="x|y" if model.classes else "x",
    )
    sections = [*(_report_sections(report) if report else [NO_REPORT]), "", *_how_made(model, report)]
    return CARD.format(
        title=folder.name, description=_description(model, report), use=use, sections="\n".join(sections)
    )


def _description(model: Model, report: ModelReport | None) -> str:
    parts = ", ".join(f"{part} `{model.config[part]['name']}`" for part in DESCRIBED_PARTS)
    weights = sum(weight.numel() for weight in model.parameters())
    data = f", trained on {markdown_text(str(report.metrics['prepare/data']))}" if report else ""
    shape = "×".join(map(str, model.event_shape))
    return (
        f"A variational autoencoder of observations of shape {shape}{data}: {parts}. {weights:,} weights, "
        f"{model.latent_dim} latent dimensions."
    )


def _report_sections(report: ModelReport) -> Sequence[str]:
    noun = run_noun(report.metrics)
    rows = [
        f"| {noun.put_into(label)} | {markdown_text(str(report.metrics[key]))} |"
        for key, label in DATA_FACTS.items()
        if key in report.metrics
    ]
    return [
        *("## Data", "", "| | |", "|---|---|", *rows, ""),
        *("## Results", "", "On the test split, at β = 1; ± is the standard error over them.", ""),
        *(*headline_table(report.metrics), ""),
        *("## Findings", "", *code_block(findings_text(report.findings))),
    ]


def _how_made(model: Model, report: ModelReport | None) -> Sequence[str]:
    defaults = flatten_params(ExperimentConfig().to_dict())
    changes = {
        key: value
        for key, value in flatten_params(_known_params(model, report)).items()
        if key not in HOW_IT_RAN and param_text(value) != param_text(defaults.get(key))
    }
    commit = str(report.training.get("git.commit", "")) if report else ""
    commands = [f"git checkout {shlex.quote(commit)}"] if commit else []
    title = ["## How it was made", "", f"With vaeline {__version__}, from the default params:", ""]
    return [*title, *code_block("\n".join([*commands, exp_run_command(changes)]))]


def _known_params(model: Model, report: ModelReport | None) -> Mapping[str, Any]:
    """Returns the params of all stages; without a report those of the training, and the data set."""
    if report:
        return report.params
    return {**model.config, "data": {"name": model.trained_on["name"]}} if model.trained_on else model.config
