import torch

from tests.support.small import config, vae
from vaeline.training.optimizers.catalog import OPTIMIZERS


def test_adam_is_pytorchs_fused_adam_bit_for_bit():
    given = {"learning_rate": 1e-2, "weight_decay": 0.1}
    section = config(optimizer={"adam": {"beta1": 0.8, "beta2": 0.99, "eps": 1e-6}}).optimizer
    torch.manual_seed(0)
    ours, theirs = vae(), vae()
    theirs.load_state_dict(ours.state_dict())
    one = OPTIMIZERS.build(section, parameters=ours.parameters(), **given)
    other = torch.optim.Adam(
        theirs.parameters(), lr=1e-2, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1, fused=True
    )
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
