"""The weights of published networks: read from torch hub's folder, or downloaded into it."""

from http.client import HTTPException
from pathlib import Path

import torch

from vaeline.core.errors import VaelineError
from vaeline.data.reading.downloads import connection_timeout

WEIGHTS_FOLDER = (
    "$TORCH_HOME/hub/checkpoints"  # in messages, because the real folder differs between machines
)


class WeightsUnavailableError(VaelineError):
    """The weights of a network are neither in torch hub's folder nor downloadable."""


def pretrained_weights(whose: str, url: str, digest: str) -> Path:
    """Returns the file of weights that `url` names, after downloading it if necessary.

    Args:
        whose: the network's name in messages, in the possessive.
        url: where to download the file from.
        digest: the first digits of its SHA-256, with which a download is compared.

    Raises:
        WeightsUnavailableError: if it cannot be downloaded.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with connection_timeout():
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digest)
    except (OSError, HTTPException, RuntimeError) as error:
        raise WeightsUnavailableError(
            f"{whose} weights cannot be downloaded ({_cause(error)}): put {url} into {WEIGHTS_FOLDER}"
        ) from None
    return path


def damaged_weights(path: Path, error: Exception) -> WeightsUnavailableError:
    """Returns the error to raise if reading weights raised `error`."""
    return WeightsUnavailableError(
        f"{path.name} in {WEIGHTS_FOLDER} is damaged (reading it raised {type(error).__name__}): "
        f'`rm "${{TORCH_HOME:-$HOME/.cache/torch}}/hub/checkpoints/{path.name}"`, then it is downloaded again'
    )


def _cause(error: Exception) -> str:
    # The text of an OSError may name a path of this machine, and the message becomes a metric.
    cause = getattr(error, "reason", error)
    return " ".join(str(getattr(cause, "strerror", None) or cause).split())
