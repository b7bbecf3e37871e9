import pytest
import torch

from vaeline.evaluation.uncompiled import UncompiledAdam, UncompiledAdamW


def weights_after(optimizer, state=None):
    """Returns a weight after five steps on a quadratic, in which the state is saved and loaded once."""
    weight = torch.nn.Parameter(torch.linspace(-2, 3, 7))
    steps = optimizer([weight], lr=0.1, weight_decay=0.01)
    for step in range(5):
        steps.zero_grad()
        (weight - step).square().sum().backward()
        steps.step()
        if step == 2:
            state, steps = steps.state_dict(), optimizer([weight], lr=0.5)
            steps.load_state_dict(state)
    return weight.detach()


@pytest.mark.parametrize(
    ("ours", "theirs"), [(UncompiledAdam, torch.optim.Adam), (UncompiledAdamW, torch.optim.AdamW)]
)
def test_steps_are_those_of_pytorch_bit_for_bit(ours, theirs):
    assert torch.equal(weights_after(ours), weights_after(theirs))
