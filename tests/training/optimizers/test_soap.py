"""SOAP beside the implementation of pytorch-optimizer."""

import copy

import pytest
import torch
from pytorch_optimizer.optimizer.soap import SOAP
from torch import nn

from vaeline.training.optimizers.catalog import OPTIMIZERS

EVERY = 3


def problem() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 4)).double()
    return network, torch.randn(40, 12, dtype=torch.float64)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_it_is_that_of_pytorch_optimizer(weight_decay):
    """With sides beyond `max_side`, and biases, which have no basis at all; at rates that change.

    In float64: in directions with next to no gradient, Adam makes full steps of rounding errors.
    """
    (ours, x), (theirs, _) = problem(), problem()
    section = {"name": "soap", "soap": {"every": EVERY, "max_side": 8}}
    options = {"learning_rate": 0.01, "weight_decay": weight_decay}
    optimizer = OPTIMIZERS.build(section, parameters=ours.parameters(), **options)
    peer = SOAP(
        theirs.parameters(),
        betas=(0.95, 0.95),
        weight_decay=weight_decay,
        precondition_frequency=EVERY,
        max_precondition_dim=8,
    )
    for step in range(4 * EVERY):
        for network, one in ((ours, optimizer), (theirs, peer)):
            one.param_groups[0]["lr"] = 0.01 / (1 + step)
            one.zero_grad()
            network(x).square().sum().backward()
            one.step()
    begun = dict(problem()[0].named_parameters())
    for name, value in ours.named_parameters():
        assert not torch.equal(value, begun[name])
    torch.testing.assert_close(
        dict(ours.named_parameters()), dict(theirs.named_parameters()), rtol=0, atol=1e-6
    )


def test_a_skipped_update_changes_nothing_but_the_count():
    network, x = problem()
    section = {"name": "soap", "soap": {"every": 50}}
    optimizer = OPTIMIZERS.build(
        section, parameters=network.parameters(), learning_rate=0.01, weight_decay=0.1
    )
    for spoilt in (0.0, 0.0, 1.0):
        before = copy.deepcopy([network.state_dict(), optimizer.state_dict()["state"]])
        network(x).square().sum().backward()
        optimizer.found_inf = torch.tensor(spoilt)
        if spoilt:
            for parameter in network.parameters():
                parameter.grad.fill_(torch.nan)
        optimizer.step()
    torch.testing.assert_close(
        [network.state_dict(), optimizer.state_dict()["state"]], before, rtol=0, atol=0
    )
