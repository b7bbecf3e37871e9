import itertools

import pytest
import torch
from torch.nn.functional import logsigmoid

from vaeline.models.networks.pixelcnn import GatedPixelCNN

SIDES = (9, 10)
BUILT = [(1, 3), (2, 3), (3, 3), (1, 5), (2, 5)]  # layers, kernel


def network(inputs: int = 1, outputs: int = 1, layers: int = 2, kernel: int = 3, condition: int = 0):
    torch.manual_seed(0)
    built = GatedPixelCNN(
        inputs, outputs, channels=6, layers=layers, kernel=kernel, condition=condition
    ).double()
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built


def slopes(built: GatedPixelCNN, i: int, j: int) -> torch.Tensor:
    """Returns the absolute derivatives of all outputs at (i, j) by each pixel, [inputs, H, W]."""
    # The head's ReLUs hide a dependence where they are off: so many images, and the sum over them.
    x = torch.randn(20, built.inputs, *SIDES, dtype=torch.float64, requires_grad=True)
    total = torch.zeros(x.shape[1:], dtype=x.dtype)
    for output in built(x)[:, :, i, j].sum(0):
        total += torch.autograd.grad(output, x, retain_graph=True)[0].abs().sum(0)
    return total


@pytest.mark.parametrize(("layers", "kernel"), BUILT)
def test_output_depends_on_exactly_the_previous_pixels_within_reach(layers, kernel):
    built = network(2, 3, layers, kernel)
    reach, (height, width) = built.reach, SIDES
    assert reach == layers * (kernel // 2)
    for i, j in itertools.product(range(height), range(width)):
        before = torch.zeros(2, *SIDES, dtype=torch.bool)
        columns = slice(max(0, j - reach), j + reach + 1)
        before[:, max(0, i - reach) : i, columns] = True
        before[:, i, max(0, j - reach) : j] = True
        assert torch.equal(slopes(built, i, j) > 0, before), (i, j)


def test_condition_affects_its_own_pixel_and_those_within_reach():
    built = network(condition=3)
    condition = torch.randn(1, 3, *SIDES, dtype=torch.float64, requires_grad=True)
    output = built(torch.zeros(1, 1, *SIDES, dtype=torch.float64), condition)[0, 0, 4, 4]
    (gradient,) = torch.autograd.grad(output, condition)
    assert gradient[:, :, 4, 4].all()
    assert not gradient[:, :, 5:].any()
    assert not gradient[:, :, 4 - built.reach - 1].any()


@pytest.mark.parametrize("condition", [0, 3])
@pytest.mark.parametrize("sides", [(1, 1), (1, 4), (4, 1), (2, 3), SIDES], ids=str)
@pytest.mark.parametrize(("layers", "kernel"), BUILT)
def test_outputs_while_sampling_equal_those_of_one_pass_over_the_sample(layers, kernel, sides, condition):
    built = network(2, 3, layers, kernel, condition)
    given = torch.randn(5, condition, *sides, dtype=torch.float64) if condition else None
    outputs = []

    def step(output: torch.Tensor) -> torch.Tensor:
        outputs.append(output)
        return torch.randn(5, 2, dtype=torch.float64)

    x = built.sample(step, (5, *sides), given)
    assert x.shape == (5, 2, *sides)
    whole = built(x, given).detach()
    torch.testing.assert_close(torch.stack(outputs, -1).reshape(5, 3, *sides), whole, rtol=0, atol=1e-10)


def test_pixels_are_sampled_in_raster_order():
    count = itertools.count()
    x = network().sample(lambda output: torch.full_like(output, next(count)), (2, 3, 4))
    assert torch.equal(x[1, 0], torch.arange(12, dtype=torch.float64).reshape(3, 4))


@pytest.mark.parametrize(("layers", "kernel"), BUILT)
@torch.no_grad()
def test_probabilities_of_all_binary_images_sum_to_one(layers, kernel):
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)), dtype=torch.float64)
    every = every.reshape(64, 1, 2, 3)
    logits = network(layers=layers, kernel=kernel)(every)
    log_p = (every * logsigmoid(logits) + (1 - every) * logsigmoid(-logits)).sum((1, 2, 3))
    assert log_p.std() > 0.1
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0, dtype=torch.float64))
