"""The weights of published networks: found in torch hub's folder, or downloaded into it."""

from http.client import HTTPException
from pathlib import Path

import torch

from vaeline.core.errors import VaelineError
from vaeline.data.reading.downloads import connection_timeout

WEIGHTS_FOLDER = "$TORCH_HOME/hub/checkpoints"  # said so in messages: where it lies differs between machines


class WeightsUnavailableError(VaelineError):
    """A network's weights are neither in torch hub's folder nor to be had."""


def pretrained_weights(whose: str, url: str, digest: str) -> Path:
    """Returns the file of weights that `url` ends in; raises WeightsUnavailableError, which says `whose`.

    Where it is not there it is downloaded, its SHA-256 compared with the first digits in `digest`, and moved
    into place whole.
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
    """Returns what to raise where reading weights raised `error`."""
    return WeightsUnavailableError(
        f"{path.name} in {WEIGHTS_FOLDER} is damaged ({type(error).__name__} on reading it): delete it, and it is "
        "downloaded again"
    )


def _cause(error: Exception) -> str:
    # An OSError's own text may name a path of this machine, and this goes into a metric.
    cause = getattr(error, "reason", error)
    return " ".join(str(getattr(cause, "strerror", None) or cause).split())
