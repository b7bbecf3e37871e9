"""What this package uses of MLflow, imported after the settings that MLflow reads from the environment."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Gives up within seconds, not minutes, on a server that does not answer: training must continue.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow import MlflowClient, pyfunc
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

__all__ = [
    "DataType",
    "Dataset",
    "DatasetInput",
    "InputTag",
    "LoggedModelOutput",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Model",
    "ModelSignature",
    "Param",
    "ParamSchema",
    "ParamSpec",
    "Run",
    "RunTag",
    "Schema",
    "TensorSpec",
    "pyfunc",
]
