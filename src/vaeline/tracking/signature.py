"""What a request to a served model may hold: its rows, and its params."""

from typing import Any

import pandas as pd
import torch

from vaeline.models.contracts import Model
from vaeline.tracking.runs.mlflow_api import (
    AnyType,
    ColSpec,
    DataType,
    ModelSignature,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
)

IMAGE, LABEL = "image", "label"
"""The columns of a request: nested lists of floats in [0, 1], and the number of a class."""
REQUEST_PARAMS: dict[str, tuple[DataType, Any]] = {
    "method": (DataType.string, "reconstruct"),
    "n": (DataType.long, 0),
    "draws": (DataType.long, 0),
    "temperature": (DataType.double, 1.0),
    "k": (DataType.long, 100),
    "seed": (DataType.long, None),
}
"""The type and the default of each param of a request.

`method` is encode, reconstruct, sample or score; `n` samples where the request has no rows, else one for each
row; `draws` of z instead of its mean (encode); `temperature` (sample); `k` importance samples (score); `seed`
of the draws, which differ from request to request without it.
"""


def request_signature(model: Model) -> ModelSignature:
    """Returns the signature of requests to `model`."""
    # MLflow would compare nested lists with a nested type number by number, in 40 ms for a 3×32×32 image;
    # any shape but the model's own is rejected by the model.
    columns: list[ColSpec | TensorSpec] = [ColSpec(AnyType(), IMAGE, required=False)]
    columns += [ColSpec(DataType.long, LABEL, required=False)] if model.classes else []
    params = [ParamSpec(name, kind, default) for name, (kind, default) in REQUEST_PARAMS.items()]
    return ModelSignature(Schema(columns), params=ParamSchema(params))


def request_example(model: Model) -> tuple[pd.DataFrame, dict[str, str]]:
    """Returns the rows and the params of a request to `model`: one of its own samples, to reconstruct."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (image,) = model.sample(1)
    row = {IMAGE: [image.double().round(decimals=3).tolist()]} | ({LABEL: [0]} if model.classes else {})
    return pd.DataFrame(row), {"method": "reconstruct"}
