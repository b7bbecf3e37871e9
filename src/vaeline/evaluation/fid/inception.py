"""The InceptionV3 of pytorch-fid as an extractor of features.

Seitzer, pytorch-fid 0.3.0, with the weights of Heusel et al. (2017), 95 MB.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vaeline.core.errors import VaelineError
from vaeline.evaluation.pretrained import WeightsUnavailableError, damaged_weights, pretrained_weights
from vaeline.runtime import processes

INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
FID_WEIGHTS_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{INCEPTION_FILE}"
PUBLISHED_HASH = "6726825d"
INCEPTION_COMMAND = "dvc exp run -S fid_inception=require"


class Inception(nn.Module):
    """From grey or RGB uint8 images [B, C, H, W] to the features [B, dims] that pytorch-fid computes of PNGs.

    Args:
        device: where to compute.
        dims: pytorch-fid's --dims: 64, 192, 768 or 2048.

    Raises:
        WeightsUnavailableError: if the weights are damaged, or cannot be downloaded.
    """

    def __init__(self, device: torch.device, dims: int = 2048) -> None:
        super().__init__()
        path = pretrained_weights("Inception's", FID_WEIGHTS_URL, PUBLISHED_HASH)
        self.weights = _digest(path)
        from pytorch_fid.inception import InceptionV3  # takes two seconds, so only with the weights at hand

        block = InceptionV3.BLOCK_INDEX_BY_DIM[dims]
        try:
            network = InceptionV3([block])  # reads the file at `path`
        except Exception as error:  # a damaged pickle raises anything
            raise damaged_weights(path, error) from error
        fold_batch_norms(network.eval())
        self.network = network.to(device, memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Returns float32 [B, dims]; a grey image is repeated in three channels, as by PIL."""
        pixels = (images.float() / 255).expand(-1, 3, -1, -1)
        (maps,) = self.network(pixels.contiguous(memory_format=torch.channels_last))
        return adaptive_avg_pool2d(maps, 1).flatten(1)


def fold_batch_norms(network: nn.Module) -> None:
    """Merges each BatchNorm of `network`, in eval mode, into the convolution before it."""
    from torchvision.models.inception import BasicConv2d

    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv, module.bn = fuse_conv_bn_eval(module.conv, module.bn), nn.Identity()


def inception_or_reason(mode: str, device: torch.device, channels: int = 3) -> tuple[Inception | None, str]:
    """Returns Inception and `""`, or None and the reason why it is not used.

    Args:
        mode: the param `fid_inception`: `auto`, `skip` or `require`.
        device: where to compute.
        channels: of the images.

    Raises:
        WeightsUnavailableError: if it is required and its weights are not available.
        VaelineError: if it is required and the images are neither grey nor RGB.
    """
    if mode == "skip":
        return None, f"switched off (fid_inception: skip); to compute it: `{INCEPTION_COMMAND}`"
    if channels not in (1, 3):
        if mode == "require":
            raise VaelineError(
                f"fid_inception = 'require': Inception is of grey and RGB images, and these have {channels} "
                "channels: `dvc exp run -S fid_inception=auto`"
            )
        return None, f"not applicable: the images have {channels} channels, and Inception is of 1 or 3"
    # Of several processes the first downloads the weights, and so decides for all.
    inception, reason = _inception_or_reason(mode, device) if processes.leads() else (None, "")
    reason = processes.from_first(reason)
    return (None, reason) if reason else (inception or Inception(device), "")


def _inception_or_reason(mode: str, device: torch.device) -> tuple[Inception | None, str]:
    try:
        return Inception(device), ""
    except WeightsUnavailableError as error:
        if mode == "require":
            raise
        return None, f"{error}; then: `{INCEPTION_COMMAND}`"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[: len(PUBLISHED_HASH)]
