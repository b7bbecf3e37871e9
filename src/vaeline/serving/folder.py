"""An exported model: a folder with its weights, its configuration, and a card that says what it is."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, replacing, write_json
from vaeline.models import checkpoints
from vaeline.models.contracts import Model

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FOLDER_FORMAT = "vaeline model 1"


def is_exported(folder: Path) -> bool:
    """Returns whether `folder` holds an exported model."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def write_model(model: Model, folder: Path) -> None:
    """Writes the weights and the configuration of a trained model into `folder`."""
    # Kernels may lie in memory channel by channel, which the format does not have.
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    write_json(folder / CONFIG, {"format": FOLDER_FORMAT, **checkpoints.facts_of(model)})


def read_model(folder: Path) -> Model:
    """Returns the model of an exported folder, in eval mode on the CPU.

    Raises:
        VaelineError: Where a file is damaged, or does not fit the other or this version.
    """
    content = read_json(folder / CONFIG)
    if content.get("format") != FOLDER_FORMAT:
        raise VaelineError(f"{folder / CONFIG}: not the configuration of an exported model of vaeline's")
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise VaelineError(
            f"{folder / WEIGHTS}: damaged ({error}): export the model again, `vaeline export`"
        ) from None
    return checkpoints.rebuild(folder, content, weights)
