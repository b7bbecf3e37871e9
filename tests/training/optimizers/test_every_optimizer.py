"""What holds for every optimizer in the table."""

import copy

import pytest
import torch

from tests.support.small import config, digits, shown, vae
from tests.support.trainings import VALID, N, equal, started, trained, weights
from vaeline.core.errors import VaelineError
from vaeline.training.fit import fit
from vaeline.training.optimizers.catalog import OPTIMIZERS


@pytest.fixture(params=list(OPTIMIZERS))
def name(request):
    return request.param


def built(name, model, **options):
    given = {"learning_rate": 1e-3, "weight_decay": 0.0} | options
    return OPTIMIZERS.build({"name": name}, parameters=model.parameters(), **given)


def test_optimizer_trains(name):
    torch.manual_seed(0)
    _, records = trained(epochs=8, optimizer={"name": name}, learning_rate=5e-3, batch_reduction="sum")
    assert records[-1].valid_elbo > records[0].valid_elbo + 1


def test_two_trainings_are_equal_bit_for_bit(name):
    one, other = (weights(trained(optimizer={"name": name})[0]) for _ in range(2))
    assert equal(one, other)


def test_optimizer_continues_from_its_state_bit_for_bit(name):
    params = config(optimizer={"name": name}, lr_schedule="cosine", epochs=3)
    whole = started(params)
    list(fit(whole, digits(N), VALID, params))
    torn = started(params)
    next(fit(torn, digits(N), VALID, params))
    state, noise = copy.deepcopy(torn.state_dict()), torch.get_rng_state()
    resumed = started(params)
    resumed.load_state_dict(state)
    torch.set_rng_state(noise)
    list(fit(resumed, digits(N), VALID, params))
    assert equal(weights(whole), weights(resumed))


def test_the_scheduled_rate_is_the_rate_of_the_update(name):
    """Half the rate moves every weight half as far."""
    moved = []
    for rate in (0.2, 0.1):
        torch.manual_seed(0)
        model = vae()
        optimizer = built(name, model)
        for group in optimizer.param_groups:
            group["lr"] = rate
        before = {k: v.clone() for k, v in model.state_dict().items()}
        torch.manual_seed(1)
        model.infer(shown(20)).distortion(shown(20)).sum().backward()
        for _ in range(2):  # soap's first call only finds its bases
            optimizer.step()
        moved.append(torch.cat([(v - before[k]).flatten() for k, v in model.state_dict().items()]))
    torch.testing.assert_close(moved[0], 2 * moved[1], rtol=1e-3, atol=1e-6)
    assert moved[0].abs().max() > 0


def test_a_step_is_the_update_between_pytorchs_hooks(name):
    model, seen = vae(), []
    optimizer = built(name, model)
    update = optimizer.update
    optimizer.update = lambda: (seen.append("update"), update())
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    optimizer.step()
    assert seen == ["before", "update", "after"]


def test_weight_decay_shrinks_the_weights_or_is_refused(name):
    model = vae()
    if name == "adam_burda":
        with pytest.raises(VaelineError, match="weight_decay"):
            built(name, model, weight_decay=0.5)
        return
    optimizer = built(name, model, weight_decay=0.5)
    with torch.no_grad():
        model.decoder[1].weight.fill_(1.0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for _ in range(2):
        optimizer.step()
    assert (model.decoder[1].weight < 1.0).all()


def test_memory_layout_of_a_gradient_does_not_matter(name):
    """PyTorch's fused kernels pair numbers by their place in memory.

    The gradients are of full rank with distinct singular values: SOAP's eigenbasis is then unique but for
    signs, which cancel. A degenerate one would be another on another processor.
    """
    noise = torch.Generator().manual_seed(0)
    gradients = torch.randn(3, 4, 4, generator=noise) + torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0]))
    ends = []
    for turned in (False, True):
        weight = torch.nn.Parameter(torch.linspace(-1, 1, 16).reshape(4, 4))
        optimizer = built(name, torch.nn.ParameterList([weight]))
        for gradient in gradients:
            weight.grad = gradient.T.contiguous().T if turned else gradient.clone()
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends)
