"""Checkpoints of small models."""

from pathlib import Path

import torch

from tests.support.small import CLASSES, SHAPE, config, vae
from vaeline.models import checkpoints
from vaeline.models.contracts import EventShape, Model


def store(path: Path, event_shape: EventShape = SHAPE, **changes: object) -> Model:
    """Writes the checkpoint of a small untrained model, and returns the model in eval mode."""
    torch.manual_seed(1)
    model = vae(event_shape, **changes).eval()
    facts = {"config": config(**changes).to_dict(), "shape": list(event_shape), "classes": CLASSES}
    checkpoints.save_checkpoint(path, facts | {"training": {"model": model.state_dict(), "step": 3}})
    return model
