"""Objectives that learn: their parameters are trained, skipped, kept and taken up again with the model's."""

import copy

import pytest
import torch

from tests.support.small import config, digits, objective, shown, vae
from tests.support.trainings import VALID, Guessing, N, equal, started, weights
from vaeline.models import checkpoints
from vaeline.training.checks import pre_training_checks
from vaeline.training.fit import fit
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.optimizers.catalog import OPTIMIZERS
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients


def test_parameters_that_require_a_gradient_are_learned():
    assert list(Guessing().learned()) == ["guess"]
    learning = [name for name in OBJECTIVES if objective(config(objective={"name": name})).learned()]
    assert learning == ["factor"]


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_objective_learns_beside_a_model_that_trains_as_without_it(optimizer):
    """Of two groups each has its own count of steps: the model's weights are equal bit for bit."""
    params = config(epochs=3, learning_rate=1e-2, optimizer={"name": optimizer})
    training, plain = started(params, Guessing()), started(params)
    before = training.objective.guess.item()
    for each in (training, plain):
        torch.manual_seed(0)
        list(fit(each, digits(N), VALID, params))
    assert training.objective.guess.item() > before
    assert equal(weights(training), weights(plain))


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_learning_objective_resumes_bit_for_bit(optimizer):
    params = config(epochs=4, learning_rate=1e-2, lr_schedule="one_cycle", optimizer={"name": optimizer})
    whole, torn, resumed = (started(params, Guessing()) for _ in range(3))
    torch.manual_seed(0)
    list(fit(whole, digits(N), VALID, params))
    torch.manual_seed(0)
    records = fit(torn, digits(N), VALID, params)
    next(records), next(records)
    state, noise = copy.deepcopy(torn.state_dict()), torch.get_rng_state()
    resumed.load_state_dict(state)
    torch.set_rng_state(noise)
    list(fit(resumed, digits(N), VALID, params))
    assert equal(resumed.state_dict(), whole.state_dict())
    assert not torch.equal(state["objective"]["guess"], whole.objective.guess)


def test_update_that_is_not_finite_leaves_the_objective_as_it_was():
    params = config(epochs=1, learning_rate=1e-2)
    seen = []
    training = started(params, Guessing(spoilt=1))
    training.objective.register_forward_pre_hook(lambda module, _: seen.append(module.guess.item()))
    (record,) = fit(training, digits(N), VALID, params)
    assert record.skipped_updates == 1
    assert seen[0] != seen[1] == seen[2] != training.objective.guess.item()


def test_clipped_norm_includes_the_gradient_of_the_objective():
    params = config(grad_clip=0.5)
    found = Gradients(vae(), Guessing(), params)(shown(20), 1.0)
    norm = torch.stack([gradient.norm() for gradient in found.gradients]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-4)
    assert found.gradients[-1].shape == (1,)
    assert found.gradients[-1].abs() > 0


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_are_the_same():
    found = []
    for kind in (Gradients, CompiledGradients):
        torch.manual_seed(0)
        step = kind(vae(), Guessing(), config(batch_size=20))
        torch.manual_seed(1)
        found.append(step(shown(20), 1.0).gradients)
        assert getattr(step, "possible", True)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_saved_model_does_not_include_the_objective(tmp_path):
    params = config(epochs=1)
    training = started(params, Guessing())
    list(fit(training, digits(N), VALID, params))
    made_of = {"config": params.to_dict(), "shape": [1, 8, 8], "classes": 10}
    checkpoints.save_checkpoint(tmp_path / "it.pt", {**made_of, "training": training.state_dict()})
    assert equal(checkpoints.load(tmp_path / "it.pt").state_dict(), training.model.state_dict())
    content = checkpoints.read_checkpoint(tmp_path / "it.pt")["training"]
    assert content["model"].keys() == vae().state_dict().keys()
    assert "guess" in content["objective"]


def test_an_objective_that_learns_nothing_has_no_state():
    """The perceptual one's network alone would be most of every checkpoint."""
    params = config(objective={"name": "perceptual"})
    assert started(params).state_dict()["objective"] == {}


def test_checks_include_the_objective_and_leave_it_unchanged():
    built = Guessing()
    before = copy.deepcopy(built.state_dict())
    checks = {check.name: check for check in pre_training_checks(vae(), built, shown(20), 1.0, 1e-3)}
    assert all(check.passed for check in checks.values())
    count = sum(p.numel() for p in vae().parameters()) + 1
    assert checks["backward"].detail == f"{count:,} parameters to train"
    assert equal(built.state_dict(), before)
    assert built.guess.grad is None
    assert built.step == -1
    broken = Guessing(spoilt=0)
    assert not pre_training_checks(vae(), broken, shown(20), 1.0, 1e-3)[-1].passed
