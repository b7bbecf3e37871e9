"""The gradient that a step takes, plain and compiled."""

from copy import deepcopy

import pytest
import torch

from tests.support.small import config, digits, objective, shown, vae
from tests.support.trainings import VALID, FromFunction, N, equal, started, trained
from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.training.fit import fit
from vaeline.training.objectives.terms import Terms
from vaeline.training.steps.choice import COMPILED_FROM, gradients
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients
from vaeline.training.steps.sharded import ShardedGradients

BATCH = 40


def built(kind, change=None, **changes):
    """Returns gradients of one kind, always of the same weights."""
    params = config(batch_size=BATCH, **changes)
    torch.manual_seed(0)
    return kind(vae(**params.to_dict()), (change or (lambda terms: terms))(objective(params)), params)


def found(of, *sizes, beta=0.5):
    torch.manual_seed(1)
    return [of(shown(size), beta) for size in sizes]


def close(one, other):
    for mine, its in zip(one, other, strict=True):
        torch.testing.assert_close(mine.gradients, its.gradients, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mine[1:], its[1:], rtol=1e-5, atol=1e-6)


def test_gradient_is_that_of_the_loss_and_sums_are_over_the_batch():
    of = built(Gradients)
    (seen,) = found(of, 30)
    torch.manual_seed(1)
    terms = of.loss.objective(of.loss.model, shown(30), 0.5)
    terms.loss.backward()
    torch.testing.assert_close(seen.gradients, tuple(p.grad for p in of.loss.model.parameters()))
    counted = torch.stack([torch.tensor(30.0), 30 * terms.loss, terms.distortion.sum()])
    torch.testing.assert_close(seen.sums, torch.cat([counted, terms.kl.sum(0)]).double())
    monitored = torch.stack([terms.loss, terms.max_variance, torch.tensor(0.0)])
    torch.testing.assert_close(seen.monitored, monitored)


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_are_the_plain_ones():
    """Draws, sums and gradients; a smaller batch and another β meet no graph that was made for others."""
    changes = {"network": {"batch_norm": True}, "grad_clip": 0.1, "free_bits": 0.05, "seed": 3}
    plain, compiled = (built(kind, **changes) for kind in (Gradients, CompiledGradients))
    sizes = (BATCH, BATCH, 7)
    close(found(plain, *sizes), found(compiled, *sizes))
    close(found(plain, *sizes, beta=2.0), found(compiled, *sizes, beta=2.0))
    torch.testing.assert_close(
        dict(plain.loss.model.named_buffers()), dict(compiled.loss.model.named_buffers())
    )
    assert compiled.possible


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_of_two_models_have_graphs_of_their_own():
    first, second = {}, {"objective": {"k": 2}, "latent_dim": 2}
    compiled = [built(CompiledGradients, **changes) for changes in (first, second)]
    for _ in range(2):
        for of, changes in zip(compiled, (first, second), strict=True):
            close(found(built(Gradients, **changes), BATCH), found(of, BATCH))
    assert all(of.possible for of in compiled)


def test_compiled_training_equals_the_plain_one_to_rounding_and_its_resumption_bit_for_bit():
    _, plain = trained(compile="never")
    params = config(compile="always")
    whole, resumed = started(params), started(params)
    epochs = fit(whole, digits(N), VALID, params)
    records = [next(epochs)]
    resumed.load_state_dict(deepcopy(whole.state_dict()))
    records += epochs
    (again,) = fit(resumed, digits(N), VALID, params)
    assert again == records[1]
    assert equal(resumed.state_dict(), whole.state_dict())
    for one, other in zip(plain, records, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-4)
        assert other.valid_elbo == pytest.approx(one.valid_elbo, rel=1e-4)


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_use_the_same_noise():
    """Of a generator of its own, in the order in which the model asks."""
    results = []
    for kind in (Gradients, CompiledGradients):
        of = built(kind, model={"name": "two_layer"}, objective={"k": 2})
        draws = Draws.of_seed(5, BATCH)
        results.append([of(shown(BATCH), 1.0, draws.noise) for _ in range(2)])
        assert getattr(of, "possible", True)
    close(*results)


def test_objective_that_cannot_be_compiled_runs_uncompiled_and_says_so(capsys):
    def branching(real):
        def objective(model, x, beta, noise) -> Terms:
            terms = real(model, x, beta, noise)
            return terms if terms.loss.item() > 0 else None

        return FromFunction(objective)

    plain, compiled = (built(kind, branching) for kind in (Gradients, CompiledGradients))
    assert equal(found(plain, BATCH, BATCH), found(compiled, BATCH, BATCH))
    begun, failed = capsys.readouterr().err.splitlines()
    assert begun.startswith("train: compiling the step")
    assert failed.startswith("train: the step is not compiled (")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"objective": {"name": "beta_tc"}}, "objective.name = 'beta_tc' compares the examples of a whole"),
        ({"network": {"batch_norm": True}}, "BatchNorm's statistics are of a whole batch"),
        ({"model": {"name": "vq"}}, "BatchNorm's statistics are of a whole batch, as are"),
    ],
    ids=["beta_tc", "batch_norm", "vq"],
)
def test_method_of_a_whole_batch_is_rejected_for_several_processes(monkeypatch, changes, reason):
    monkeypatch.setenv("RANK", "0")  # as a launcher tells a process of the others
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(VaelineError, match=f"^2 processes: {reason}"):
        built(ShardedGradients, **changes)


@pytest.mark.parametrize(
    ("when", "steps", "kind"),
    [
        ("auto", COMPILED_FROM - 1, Gradients),
        ("auto", COMPILED_FROM, CompiledGradients),
        ("always", 1, CompiledGradients),
        ("never", 10 * COMPILED_FROM, Gradients),
    ],
)
def test_long_trainings_are_compiled_by_default(when, steps, kind):
    params = config(compile=when)
    assert type(gradients(vae(), objective(params), params, steps)) is kind


def test_in_bfloat16_the_objectives_own_products_are_not_coarse():
    model, x = vae(), shown(BATCH)
    info = objective(config(objective={"name": "info"}))
    inference = model.infer(x)
    model.infer = lambda _x, _k=1, _noise=None: inference
    losses = []
    for half in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            losses.append(info(model, x, 1.0).loss)
    torch.testing.assert_close(*losses)


def test_in_bfloat16_only_the_products_are_coarse():
    """The gradients are near those in float32, and not equal; likelihood and KL are in float32."""
    of, half = built(Gradients), built(Gradients, precision="bfloat16")
    (fine,), (coarse,) = found(of, BATCH), found(half, BATCH)
    for one, other in zip(fine.gradients, coarse.gradients, strict=True):
        assert other.dtype == torch.float32
        assert not torch.equal(one, other)
        assert torch.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.99
    torch.testing.assert_close(coarse.sums, fine.sums, rtol=1e-2, atol=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        inference = half.loss.model.infer(shown(5))
    assert inference.likelihood.mean.dtype == inference.kl_terms().dtype == torch.float32
