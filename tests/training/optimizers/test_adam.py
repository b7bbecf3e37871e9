import pytest
import torch

from tests.support.small import config, vae
from vaeline.training.optimizers.catalog import OPTIMIZERS

OPTIONS = {"beta1": 0.8, "beta2": 0.99, "eps": 1e-6}


@pytest.mark.parametrize(("name", "peer"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_update_is_that_of_pytorchs_fused_class_bit_for_bit(name, peer):
    """With weight decay, in which the two differ, and an update that is skipped."""
    section = config(optimizer={"name": name, name: OPTIONS}).optimizer
    torch.manual_seed(0)
    ours, theirs = vae(), vae()
    theirs.load_state_dict(ours.state_dict())
    one = OPTIMIZERS.build(section, parameters=ours.parameters(), learning_rate=1e-2, weight_decay=0.1)
    other = peer(theirs.parameters(), lr=1e-2, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1, fused=True)
    for step in range(4):
        skipped = torch.tensor(float(step == 2))
        one.found_inf = other.found_inf = skipped
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        one.step()
        other.step()
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, its)
