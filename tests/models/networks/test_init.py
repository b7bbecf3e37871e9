import math

import numpy as np
import pytest
import torch
from torch import nn

from vaeline.models.networks.init import fans, init_weights, initialise


def counted_fans(layer: nn.Module, size: tuple[int, ...]) -> tuple[float, float]:
    """Returns the two fans away from the borders, counted with weights of 1."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0)
        layer.bias.zero_()
    x = torch.zeros(1, *size, requires_grad=True)
    y = layer(x)
    # With inputs of 1, an output is the number of inputs that reach it; its gradient counts the other way.
    reach = torch.autograd.grad(y.sum(), x)[0]
    return _middle(layer(torch.ones_like(x))), _middle(reach)


def _middle(values: torch.Tensor) -> float:
    # With a stride the count varies with the place: take the mean over whole periods.
    inner = values[..., 4:-4, 4:-4] if values.dim() == 4 else values
    return inner.mean().item()


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 1), (4, 1), (3, 2), (6, 3), (5, 1)])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_fans_of_a_convolution_equal_the_counted_ones(kind, kernel, stride):
    layer = kind(3, 5, kernel, stride, 1)
    counted = counted_fans(layer, (3, 36, 36))
    assert fans(layer) == pytest.approx(counted, rel=0.06 if kernel % stride else 1e-6)


def test_fans_of_a_linear_layer_equal_the_counted_ones():
    layer = nn.Linear(7, 11)
    assert fans(layer) == counted_fans(layer, (7,)) == (7, 11)


@pytest.mark.parametrize("nonlinearity", ["relu", "leaky_relu"])
@pytest.mark.parametrize(
    "layer", [nn.Linear(300, 200), nn.Conv2d(16, 32, 4, 2, 1), nn.ConvTranspose2d(32, 16, 4, 2, 1)]
)
def test_weights_before_a_relu_are_he_normal(layer, nonlinearity):
    init_weights(layer, nonlinearity)
    slope = 0.01 if nonlinearity == "leaky_relu" else 0.0
    expected = math.sqrt(2 / (1 + slope**2) / fans(layer)[0])
    n = layer.weight.numel()
    assert layer.weight.std().item() == pytest.approx(expected, rel=5 / math.sqrt(2 * n))
    assert abs(layer.weight.mean().item()) < 5 * expected / math.sqrt(n)
    assert (layer.weight.abs() > 2 * expected).float().mean().item() == pytest.approx(0.0455, abs=0.01)
    assert not layer.bias.any()


@pytest.mark.parametrize("nonlinearity", ["linear", "tanh"])
def test_other_weights_are_glorot_uniform(nonlinearity):
    layer = nn.ConvTranspose2d(32, 16, 4, 2, 1)
    init_weights(layer, nonlinearity)
    bound = math.sqrt(6 / (32 * 4 + 16 * 16))
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=1e-2)
    assert layer.weight.abs().max().item() <= bound
    assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.05)


def test_layer_without_a_bias_is_initialised_and_other_modules_are_unchanged():
    norm = nn.BatchNorm1d(4)
    nn.init.constant_(norm.weight, 3.0)
    layer = nn.Linear(1000, 4, bias=False)
    init_weights(nn.Sequential(layer, norm), "relu")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 1000), rel=0.1)
    assert norm.weight.tolist() == [3.0] * 4


def authors_linear(n_in, n_out):
    """A transcript of `Linear.random`: each layer has a generator of the same seed; weights are [in, out]."""
    random_state = np.random.RandomState(123)
    scale = np.sqrt(6.0 / (n_in + n_out))
    return random_state.uniform(low=-scale, high=scale, size=(n_in, n_out)).astype(np.float32)


def test_burda_weights_are_those_of_the_authors_code_bit_for_bit():
    layers = [nn.Linear(7, 5), nn.Linear(5, 5), nn.Linear(5, 5)]
    torch.manual_seed(0)
    initialise(nn.Sequential(*layers), "burda", "tanh")
    for layer in layers:
        expected = authors_linear(layer.in_features, layer.out_features)
        np.testing.assert_array_equal(layer.weight.detach().numpy().T, expected)
        assert not layer.bias.any()
    assert torch.equal(layers[1].weight, layers[2].weight)
    assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_burda_weights_of_a_convolution_have_glorots_bound(kind):
    layer = kind(6, 8, 4, 2, 1)
    initialise(layer, "burda")
    bound = math.sqrt(6 / sum(fans(layer)))
    assert 0.99 * bound < layer.weight.abs().max() <= bound


def test_pytorch_weights_are_left_as_they_are():
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    initialise(layer, "pytorch")
    assert torch.equal(layer.weight, before)


DEEP = 10


def stack(kind: str) -> tuple[list[nn.Module], torch.Tensor]:
    """Returns 10 layers that keep the sides, wide enough for averages to hold, and an input."""
    if kind == "linear":
        return [nn.Linear(512, 512) for _ in range(DEEP)], torch.randn(64, 512)
    if kind == "convolution":
        return [nn.Conv2d(48, 48, 3, padding="same", padding_mode="circular") for _ in range(DEEP)], _images(
            48
        )
    pair = (nn.ConvTranspose2d, 4, 2, 1), (nn.Conv2d, 4, 2, 1)
    return [layer(48, 48, *sizes) for layer, *sizes in pair * (DEEP // 2)], _images(48)


def _images(channels: int) -> torch.Tensor:
    return torch.randn(4, channels, 8, 8)


@pytest.mark.parametrize("kind", ["linear", "convolution", "transposed"])
def test_deep_stacks_keep_the_second_moment(kind):
    """He et al. 2015, equation 14. With PyTorch's own weights it would shrink 6-fold at each layer."""
    moments = []
    for seed in range(3):
        torch.manual_seed(seed)
        layers, x = stack(kind)
        model = nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU())))
        init_weights(model, "relu")
        with torch.no_grad():
            moments.append(model(x).square().mean().item() / x.square().mean().item())
    # Borders change it a little; a fan wrong by a factor of 4 in every second layer would change it by 4^5.
    assert 0.25 < sum(moments) / len(moments) < 4
