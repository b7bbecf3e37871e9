import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent

from tests.support.small import digits, vae
from vaeline.core.scaling import BYTES
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors
from vaeline.models.inference import Inference

LOGITS = torch.tensor([[0.0, 2.0], [-1.0, 0.5], [8.0, -12.0]]).reshape(3, 1, 1, 2)
IMAGES = torch.tensor([[255, 0], [51, 102], [0, 255]], dtype=torch.uint8).reshape(3, 1, 1, 2)


class GivenLogits(nn.Module):
    """A model whose reconstructions have given logits."""

    scaling = BYTES

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def infer(self, x: torch.Tensor) -> Inference:
        return Inference((), Independent(Bernoulli(logits=self.logits[: len(x)].unsqueeze(0)), 3))


def test_errors_agree_with_their_formulas():
    errors = reconstruction_errors(GivenLogits(LOGITS), IMAGES)
    x, p = IMAGES.double().flatten(1) / 255, LOGITS.double().sigmoid().flatten(1)
    expected = {
        "bce": -(x * p.log() + (1 - x) * (1 - p).log()).sum(1),
        "sse": (x - p).square().sum(1),
        "mse": (x - p).square().mean(1),
        "mae": (x - p).abs().mean(1),
    }
    assert errors.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(errors[name].double(), values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("extreme", [1e-30, 40.0, 1e6])
def test_the_cross_entropy_is_finite_for_certain_pixels(extreme):
    errors = reconstruction_errors(GivenLogits(torch.full((3, 1, 1, 2), extreme)), IMAGES)
    assert all(torch.isfinite(values).all() for values in errors.values())


def test_reconstructions_use_a_drawn_z():
    model = vae(posterior={"diagonal": {"log_var_bias": 2.0}}).eval()
    first, second = (reconstruction_errors(model, digits(10))["sse"] for _ in range(2))
    assert not torch.equal(first, second)


def test_images_are_scored_once_and_in_order_for_any_chunk_size(monkeypatch):
    model = GivenLogits(torch.zeros(3, 1, 1, 2))
    whole = reconstruction_errors(model, IMAGES)
    monkeypatch.setattr("vaeline.evaluation.chunks.DECODER_ROWS", 2)
    for name, values in reconstruction_errors(model, IMAGES).items():
        assert torch.equal(values, whole[name])
