"""VGG-16's weights in the real file's format, random: the real file needs a network."""

from pathlib import Path

import torch
from torchvision.models import vgg16

from vaeline.training.objectives import perceptual


def write_vgg_weights(home: Path) -> None:
    """Makes `home` a $TORCH_HOME with He-scaled weights, and a small stand-in for the classifier."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in vgg16().state_dict().items() if "features" in name}
    torch.manual_seed(0)
    stored = {
        name: torch.randn(shape) * (2 / shape[1:].numel()) ** 0.5 if len(shape) > 1 else torch.zeros(shape)
        for name, shape in shapes.items()
    }
    path = home / "hub" / "checkpoints" / perceptual.URL.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(stored | {"classifier.0.weight": torch.zeros(1)}, path)
