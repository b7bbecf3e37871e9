"""Every check can fail: for each there is a model, an objective or a batch with the fault it looks for."""

import copy
import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.small import CLASSES, SHAPE, config, objective, shown, vae
from tests.support.trainings import FromFunction
from vaeline.models.distributions.noise import Noise
from vaeline.models.inference import Inference
from vaeline.training.checks import Check, checkpoint_check, pre_training_checks
from vaeline.training.objectives.terms import Terms

NAMES = ["input", "forward", "ranges", "loss", "backward", "gradients", "sampling", "learning"]
OBJECTIVE = objective()


def checked(
    model=None, objective=OBJECTIVE, x=None, learning_rate: float = 1e-3, beta: float = 1.0
) -> list[Check]:
    x = shown(64) if x is None else x
    return pre_training_checks(model or vae(), objective, x, beta, learning_rate)


def failed(name: str, *arguments: object, **named: object) -> str:
    """Asserts that the checks before `name` pass and that it fails; returns what it saw."""
    *passed, last = checked(*arguments, **named)
    assert [check.name for check in passed] == NAMES[: NAMES.index(name)]
    assert all(check.passed for check in passed)
    assert last.name == name
    assert not last.passed
    return last.detail


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_sound_model_passes_all_checks(network, batch_norm):
    results = checked(vae(network={"name": network, "batch_norm": batch_norm}))
    assert [check.name for check in results] == NAMES
    assert all(check.passed for check in results), results


@pytest.mark.parametrize(
    "x",
    [shown(8) * 255, shown(8) - 0.5, torch.full((8, 1, 8, 8), torch.nan)],
    ids=["0…255", "negative", "NaN"],
)
def test_input_fails_on_a_batch_outside_0_to_1(x):
    assert "(8, 1, 8, 8), values in [" in failed("input", x=x)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_images_pass_with_a_word(level):
    results = checked(x=torch.full((8, 1, 8, 8), level))
    assert all(check.passed for check in results), results
    assert "all are equal" in results[0].detail


class Cropping(nn.Module):
    """A decoder that loses a row."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.decoder(z)[..., :-1, :]


def test_forward_fails_on_an_output_of_another_shape():
    model = vae()
    model.decoder = Cropping(model.decoder)
    seen = failed("forward", model)
    assert "output (64, 1, 7, 8)" in seen
    assert "input (64, 1, 8, 8)" in seen


def test_forward_fails_with_the_error_of_a_model_that_cannot_be_run():
    seen = failed("forward", vae(event_shape=(1, 10, 10)))
    assert seen.startswith("RuntimeError: ")
    assert "(64x64 and 100x16)" in seen
    assert "\n" not in seen


@pytest.mark.parametrize("where", ["encoder.1.0.weight", "posterior.fc_mu.bias", "decoder.1.weight"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_ranges_fail_on_weights_that_are_not_finite(where, value):
    model = vae()
    with torch.no_grad():
        model.get_parameter(where).flatten()[0] = value
    x = torch.ones(4, 1, 8, 8)
    x[0] = 0
    results = checked(model, x=x)
    assert results[-1].name in ("ranges", "loss")
    assert not results[-1].passed


def test_ranges_fail_and_name_the_values():
    model = vae()
    nn.init.constant_(model.posterior.fc_mu.bias, torch.nan)
    assert "mean 0 in [nan, nan]" in failed("ranges", model)


def altered(**changes):
    """Returns the objective with some of its terms replaced, each by a function of the term."""

    def altered_terms(model: nn.Module, x: torch.Tensor, beta: float, noise: Noise) -> Terms:
        terms = OBJECTIVE(model, x, beta, noise)
        return Terms(*(changes.get(name, lambda v: v)(getattr(terms, name)) for name in Terms._fields))

    return FromFunction(altered_terms)


@pytest.mark.parametrize("term", ["loss", "distortion", "kl"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_loss_fails_on_a_term_that_is_not_finite(term, value):
    assert str(value) in failed("loss", objective=altered(**{term: lambda v: v * value}))


def test_backward_fails_if_the_loss_does_not_depend_on_the_weights():
    assert "does not require grad" in failed("backward", objective=altered(loss=torch.Tensor.detach))


def test_gradients_fail_without_a_gradient_and_name_the_weights():
    model = vae()
    model.forgotten = nn.Linear(2, 2)
    assert failed("gradients", model) == "no gradient reaches forgotten.weight, forgotten.bias"


def test_frozen_weights_need_no_gradient():
    model = vae()
    model.forgotten = nn.Linear(2, 2).requires_grad_(False)
    assert all(check.passed for check in checked(model))


def test_gradients_fail_if_they_are_not_finite():
    """√ has an infinite slope at 0: a finite loss with an infinite gradient, as a careless σ gives."""
    model = vae()
    model.shift = nn.Parameter(torch.zeros(()))
    objective = FromFunction(
        lambda m, *rest: altered(loss=lambda loss: loss + m.shift.sqrt())(m, *rest),
    )
    assert failed("gradients", model, objective) == "NaN or infinite in shift"


@pytest.mark.parametrize(
    "samples",
    [torch.rand(4, 1, 7, 8), torch.full((4, 1, 8, 8), 1.5), torch.full((4, 1, 8, 8), torch.nan)],
    ids=["another shape", "above 1", "NaN"],
)
def test_sampling_fails_on_values_outside_0_to_1_or_of_another_shape(samples):
    class Wrong(type(vae())):
        def sample(self, n: int) -> torch.Tensor:
            return samples[:n]

    model = vae()
    model.__class__ = Wrong
    failed("sampling", model)


def test_learning_fails_if_updates_increase_the_loss():
    assert "after 20 updates" in failed("learning", learning_rate=1e4)


def test_learning_fails_if_weights_do_not_change():
    class Still(type(vae())):
        """Infers with its weights scaled by nothing: a gradient arrives, and changes no output."""

        def infer(self, x: torch.Tensor, k: int = 1, noise=None) -> Inference:
            with torch.no_grad():
                for parameter, start in zip(self.parameters(), START, strict=True):
                    parameter.copy_(start)
            torch.manual_seed(0)
            return super().infer(x, k)

    model = vae()
    START = [p.detach().clone() for p in model.parameters()]
    model.__class__ = Still
    failed("learning", model)


@pytest.mark.parametrize("learning_rate", [1e-6, 1e-5])
def test_small_learning_rate_passes(learning_rate):
    """The loss falls by less than the noise of z then: only the same noise before and after can show it."""
    x = shown(64)
    for seed in range(4):
        torch.manual_seed(seed)
        assert all(check.passed for check in checked(vae(), x=x, learning_rate=learning_rate)), seed


def generators() -> tuple:
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fault", [None, "forward", "learning"])
def test_checks_change_nothing(training, fault):
    """Of weights, gradients, BatchNorm statistics, mode and generators nothing changes, pass or fail."""
    model = vae(network={"batch_norm": True}).train(training)
    model.infer(shown(64))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    grads = [p.grad.clone() for p in model.parameters()]
    state, before = copy.deepcopy(model.state_dict()), generators()
    x = shown(64)
    results = checked(
        model, x=x[..., :7] if fault == "forward" else x, learning_rate=1e4 if fault == "learning" else 1e-3
    )
    assert results[-1].name == (fault or "learning")
    assert generators() == before
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert all(module.training is training for module in model.modules())
    assert torch.equal(x, shown(64))


FACTS = {"config": config().to_dict(), "shape": list(SHAPE), "classes": CLASSES}


def test_a_model_whose_checkpoint_reads_back_passes():
    check = checkpoint_check(vae(), FACTS)
    assert (check.name, check.passed) == ("checkpoint", True)
    assert re.fullmatch(r"\d+\.\d MB, read back", check.detail)


def test_weights_that_are_not_read_back_fail_and_are_named():
    """A configuration that builds another model than the one in training."""
    other = checkpoint_check(vae(hidden_dim=17), FACTS)
    assert not other.passed
    assert "do not fit its configuration" in other.detail


class Forgetful(nn.Module):
    """Reads back without what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def load_state_dict(self, state, *_, **__):
        return None


def test_a_part_that_forgets_its_weights_fails(monkeypatch):
    monkeypatch.setattr("vaeline.models.checkpoints.MODELS.build", lambda *_, **__: Forgetful())
    trained = Forgetful()
    trained.weight.data.fill_(3.0)
    check = checkpoint_check(trained, FACTS)
    assert not check.passed
    assert check.detail == "read back with another weight"
