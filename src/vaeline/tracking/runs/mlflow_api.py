"""What this package uses of MLflow, imported after the settings that MLflow reads from the environment."""

import logging
import os
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Gives up within seconds, not minutes, on a server that does not answer: training must continue.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow
from alembic.script import ScriptDirectory
from mlflow import MlflowClient, pyfunc
from mlflow.artifacts import download_artifacts
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType
from sqlalchemy.engine import URL

__all__ = [
    "BAD_REQUEST",
    "MIGRATIONS",
    "URL",
    "AnyType",
    "ColSpec",
    "DataType",
    "Dataset",
    "DatasetInput",
    "InputTag",
    "LoggedModel",
    "LoggedModelOutput",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Model",
    "ModelSignature",
    "ModelVersion",
    "Param",
    "ParamSchema",
    "ParamSpec",
    "Run",
    "RunTag",
    "Schema",
    "ScriptDirectory",
    "TensorSpec",
    "download_artifacts",
    "pyfunc",
]

MIGRATIONS = Path(mlflow.__file__).parent / "store" / "db_migrations"
"""The steps in which MLflow makes a database."""

# A failure is told in one line of our own, without these lines before it.
for name in ("urllib3.connectionpool", "mlflow.store.db.utils"):
    logging.getLogger(name).setLevel(logging.CRITICAL)
logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # tells of each step of saving a model
