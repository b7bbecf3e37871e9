"""A trained model as MLflow loads and serves it: `mlflow models serve`, and `mlflow.pyfunc.load_model`.

A row of a request has an `image`, as nested lists of floats in [0, 1], and a `label` where the model is
conditioned on labels. The params of the request choose the method and its options.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from vaeline.core.errors import VaelineError
from vaeline.evaluation.trained import TrainedModel
from vaeline.models import checkpoints
from vaeline.tracking.runs.mlflow_api import BAD_REQUEST, MlflowException
from vaeline.tracking.signature import IMAGE, LABEL, REQUEST_PARAMS

Answer = np.ndarray | pd.DataFrame


@dataclass(frozen=True)
class Request:
    """The rows of a request, and its params.

    Attributes:
        count: How many rows there are.
        rows_images: [N, *event_shape], or None where no row has an image.
        labels: [N], or None where no row has a label.
        params: Those of `REQUEST_PARAMS`, by the request or by default.
    """

    count: int
    rows_images: np.ndarray | None
    labels: np.ndarray | None
    params: Mapping[str, Any]

    @classmethod
    def read(cls, rows: pd.DataFrame | np.ndarray, params: Mapping[str, Any] | None) -> Self:
        """Returns the request with these rows, or images alone; raises VaelineError for uneven ones."""
        images, labels = (rows, None) if isinstance(rows, np.ndarray) else _columns(rows)
        defaults = {name: default for name, (_, default) in REQUEST_PARAMS.items()}
        return cls(len(rows), images, labels, defaults | dict(params or {}))

    @property
    def images(self) -> np.ndarray:
        """The images, [N, *event_shape]; raises VaelineError if there is none."""
        if self.rows_images is None:
            raise VaelineError(f"method = '{self.params['method']}' needs rows with an `{IMAGE}`")
        return self.rows_images


def _encode(trained: TrainedModel, request: Request) -> Answer:
    return trained.encode(request.images, request.labels, request.params["draws"])


def _reconstruct(trained: TrainedModel, request: Request) -> Answer:
    return trained.reconstruct(request.images, request.labels)


def _sample(trained: TrainedModel, request: Request) -> Answer:
    n = request.count or request.params["n"]
    return trained.sample(n, request.labels, request.params["temperature"])


def _score(trained: TrainedModel, request: Request) -> Answer:
    return pd.DataFrame(trained.score(request.images, request.labels, request.params["k"]))


METHODS: dict[str, Callable[[TrainedModel, Request], Answer]] = {
    "encode": _encode,
    "reconstruct": _reconstruct,
    "sample": _sample,
    "score": _score,
}


class RequestError(MlflowException):
    """What a request asks for cannot be done; the server answers 400 with one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_code=BAD_REQUEST)
        self.reason = reason

    def serialize_as_json(self) -> str:
        """Returns the answer; MLflow would put the whole request before the reason."""
        return json.dumps({"error_code": self.error_code, "message": self.reason})


class ServedModel:
    """Answers requests; MLflow's `unwrap_python_model` gives the `TrainedModel`."""

    def __init__(self, trained: TrainedModel) -> None:
        self.python_model = trained

    def predict(self, rows: pd.DataFrame | np.ndarray, params: Mapping[str, Any] | None = None) -> Answer:
        """Returns what the params ask for.

        Args:
            rows: With the columns `image` and `label`, or images alone, [N, *event_shape].
            params: Some of `REQUEST_PARAMS`.

        Returns:
            Latents [N, d] (encode), images [N, *event_shape], or a row of bounds for each image (score).

        Raises:
            RequestError: The method is unknown, or the model cannot take the images, labels or params.
        """
        try:
            request = Request.read(rows, params)
            method = request.params["method"]
            if method not in METHODS:
                raise VaelineError(f"method = '{method}' is not one of {', '.join(METHODS)}")
            with _seeded(request.params["seed"]):
                return METHODS[method](self.python_model, request)
        except VaelineError as error:
            raise RequestError(str(error)) from None


def _columns(rows: pd.DataFrame) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Returns the images and the labels, each as one array, or None where no row has any."""
    images, labels = (
        _stacked(rows[name], name) if name in rows and not rows[name].isna().all() else None
        for name in (IMAGE, LABEL)
    )
    return images, labels


def _stacked(column: pd.Series, name: str) -> np.ndarray:
    try:
        return np.array(column.tolist(), dtype=np.float32)
    except (TypeError, ValueError):
        raise VaelineError(f"each `{name}` has to be numbers, and all of the same shape") from None


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _load_pyfunc(path: str) -> ServedModel:
    """Returns the model in a checkpoint; MLflow calls this name."""
    return ServedModel(TrainedModel(checkpoints.load(path), path))
