import numpy as np
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


def authors(gradients, learning_rate=1e-3, beta_1=0.99, beta_2=0.999):
    """A transcript of `updatesIgrad_model` for one parameter: all updates are of the shared values before it.

    The authors ascend the bound, so that their sum is a difference here.
    """
    shared = {"timestep": 1.0, "first": np.zeros(1), "second": np.ones(1), "parameter": np.zeros(1)}
    places = []
    for gradient in gradients:
        t = shared["timestep"]
        alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        moved = alpha * shared["first"] / (np.sqrt(shared["second"]) + 1e-4)
        shared = {
            "timestep": t + 1,
            "first": beta_1 * shared["first"] + (1 - beta_1) * gradient,
            "second": beta_2 * shared["second"] + (1 - beta_2) * gradient**2,
            "parameter": shared["parameter"] - moved,
        }
        places.append(shared["parameter"].item())
    return places


def test_adam_burda_is_the_authors_recursion():
    assert walked() == pytest.approx(authors(GRADIENTS), rel=1e-12)
    assert walked(beta1=0.5, beta2=0.9) == pytest.approx(
        authors(GRADIENTS, beta_1=0.5, beta_2=0.9), rel=1e-12
    )


def test_first_step_of_adam_burda_moves_nothing_and_the_second_is_smaller_than_adams():
    first, second, *_ = walked()
    assert first == 0
    assert 0 < abs(second) < 1e-3
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    adam = OPTIMIZERS.build({"name": "adam"}, parameters=[parameter], learning_rate=1e-3, weight_decay=0.0)
    parameter.grad = torch.full_like(parameter, 3.0)
    adam.step()
    assert parameter.item() == pytest.approx(-1e-3)
