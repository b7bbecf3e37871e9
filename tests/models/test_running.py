import torch
from torch import nn

from tests.support.small import shown, vae
from vaeline.models.running import running_statistics


def changed_buffers(model: nn.Module) -> set[int]:
    """Returns the addresses of the buffers that inference in training mode changes."""
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    x = shown(20)
    model.train().infer(x).distortion(x)
    pairs = zip(buffers, before, strict=True)
    return {buffer.data_ptr() for buffer, value in pairs if not torch.equal(buffer, value)}


def test_running_statistics_are_the_buffers_that_training_changes():
    for params in (
        {},
        {"network": {"batch_norm": True}},
        {"network": {"name": "conv", "batch_norm": True}},
        {"likelihood": {"name": "gaussian", "gaussian": {"variance": "optimal"}}},
        {"model": {"name": "vq"}},
    ):
        model = vae(**params)
        statistics = {buffer.data_ptr() for buffer in running_statistics(model)}
        assert statistics == changed_buffers(model), params
        assert bool(statistics) == bool(params)
