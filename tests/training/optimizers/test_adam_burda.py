import math

import pytest
import torch
from torch import nn

from vaeline.training.optimizers.catalog import OPTIMIZERS

GRADIENTS = [3.0, -1.0, 0.5, 0.0, 20.0]


def walked(**options):
    """Returns where one parameter stands after each of GRADIENTS, from 0."""
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    section = {"name": "adam_burda", "adam_burda": options}
    optimizer = OPTIMIZERS.build(section, parameters=[parameter], learning_rate=1e-3, weight_decay=0.0)
    places = []
    for gradient in GRADIENTS:
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
        places.append(parameter.item())
    return places


def test_adam_burda_is_the_authors_recursion():
    """m ← 0.99 m + 0.01 g, v ← 0.999 v + 0.001 g², v₀ = 1, ε = 1e-4 beside √v itself."""
    place, m, v, expected = 0.0, 0.0, 1.0, []
    for t, g in enumerate(GRADIENTS, start=1):
        m, v = 0.99 * m + 0.01 * g, 0.999 * v + 0.001 * g * g
        place -= 1e-3 * math.sqrt(1 - 0.999**t) / (1 - 0.99**t) * m / (math.sqrt(v) + 1e-4)
        expected.append(place)
    assert walked() == pytest.approx(expected, rel=1e-12)


def test_first_step_of_adam_burda_is_smaller_than_adams():
    assert abs(walked()[0]) < 1.2e-3 * 3 * math.sqrt(0.001)
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    adam = OPTIMIZERS.build({"name": "adam"}, parameters=[parameter], learning_rate=1e-3, weight_decay=0.0)
    parameter.grad = torch.full_like(parameter, 3.0)
    adam.step()
    assert parameter.item() == pytest.approx(-1e-3)
