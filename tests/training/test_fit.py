import math

import pytest
import torch

from tests.support.small import config, digits
from tests.support.trainings import (
    STEPS,
    VALID,
    N,
    Watching,
    after_each_update,
    equal,
    failing,
    started,
    trained,
    weights,
)
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.runtime.seeding import own_noise
from vaeline.training.epoch import VALIDATION_SEED
from vaeline.training.fit import fit
from vaeline.training.objectives.terms import Terms


def test_records_are_means_over_examples_for_batches_of_any_size():
    """The last batch is smaller, and brighter: a mean of batch means would weigh it too much."""
    seen = []

    def bright(_step: int, x: torch.Tensor, beta: float, terms: Terms) -> Terms:
        ink = x.flatten(1).sum(1)
        seen.append(ink)
        kl = torch.stack([ink, 2 * ink], dim=1)
        return Terms(terms.loss * 0 + ink.mean() + beta * kl.mean(0).sum(), ink, kl, terms.max_variance)

    _, records = trained(Watching(bright), beta=0.5, epochs=2)
    for record, batches in zip(records, (seen[:STEPS], seen[STEPS:]), strict=True):
        assert [len(batch) for batch in batches] == [50, 50, 30]
        mean = torch.cat(batches).double().mean().item()
        assert record.train_recon == pytest.approx(mean)
        assert record.kl_per_dim == pytest.approx((mean, 2 * mean))
        assert record.train_kl == pytest.approx(3 * mean)
        assert record.train_loss == pytest.approx(mean + 0.5 * 3 * mean)
        assert mean != pytest.approx(sum(batch.mean().item() for batch in batches) / STEPS, abs=1e-3)


def test_every_image_is_used_once_an_epoch_in_a_new_order():
    seen: list[torch.Tensor] = []
    trained(
        Watching(lambda _step, x, _beta, _terms: seen.append(x)),
        likelihood={"bernoulli": {"binarization": "grey"}},
    )
    first, second = (torch.cat(part).flatten(1) for part in (seen[:STEPS], seen[STEPS:]))
    every = digits(N).flatten(1) / 255
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert sorted(map(tuple, epoch.tolist())) == sorted(map(tuple, every.tolist()))


def test_dynamic_binarization_draws_again_each_epoch():
    seen: list[torch.Tensor] = []
    watching = Watching(lambda _step, x, _beta, _terms: seen.append(x))
    trained(watching, n=20, batch_size=20, epochs=3, shuffle=False)
    first, second, third = seen
    for one, other in ((first, second), (second, third), (first, third)):
        differing = (one != other).flatten(1).any(1)
        assert differing.all()
    assert all(batch.unique().tolist() == [0.0, 1.0] for batch in seen)


def test_validation_is_the_elbo_of_the_evaluation_images():
    training, records = trained(beta=3.0, free_bits=2.0)
    with own_noise(VALIDATION_SEED):
        terms = elbo_terms(training.model, VALID)
    last = records[-1]
    assert last.valid_recon == pytest.approx(terms.distortion.mean().item())
    assert last.valid_kl == pytest.approx(terms.rate.mean().item())
    assert last.valid_elbo == pytest.approx(-(last.valid_recon + last.valid_kl))
    assert last.valid_loss == pytest.approx(last.valid_recon + 3.0 * last.valid_kl)
    assert last.valid_elbo_se == pytest.approx(terms.elbo.double().std().item() / len(VALID) ** 0.5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_validation_does_not_change_the_training(batch_norm):
    params = config(network={"batch_norm": batch_norm})
    ends = []
    for valid in (VALID, VALID[:2]):
        training = started(params)
        list(fit(training, digits(N), valid, params))
        ends.append(weights(training))
    assert equal(*ends)


def test_kl_weight_rises_at_each_step():
    betas: list[float] = []
    training, records = trained(
        Watching(lambda _step, _x, beta, _terms: betas.append(beta)), beta=4.0, kl_warmup_epochs=1.5, epochs=3
    )
    warm_up = 1.5 * STEPS
    assert betas == pytest.approx([4.0 * min(1.0, step / warm_up) for step in range(3 * STEPS)])
    assert [record.beta for record in records] == betas[STEPS - 1 :: STEPS]
    assert training.step == 3 * STEPS


def test_cyclical_warm_up_begins_again():
    betas: list[float] = []
    trained(
        Watching(lambda _step, _x, beta, _terms: betas.append(beta)),
        kl_schedule="cyclical", kl_cycles=2, kl_warmup_epochs=1, epochs=4,
    )  # fmt: skip
    cycle = [0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0]
    assert betas == pytest.approx(cycle * 2)


def test_the_learning_rate_of_a_record_is_one_that_the_epoch_used():
    used: list[float] = []
    params = config(lr_schedule="cosine", learning_rate=0.01, epochs=2)
    training = started(params)
    after_each_update(training, lambda: used.append(training.optimizer.param_groups[0]["lr"]))
    records = list(fit(training, digits(N), VALID, params))
    assert used == pytest.approx([0.005 * (1 + math.cos(math.pi * i / 6)) for i in range(6)])
    assert [record.learning_rate for record in records] == pytest.approx(used[STEPS - 1 :: STEPS])


@pytest.mark.parametrize("clip", [0.0, 1e-3, 1e9])
def test_gradients_are_clipped_to_the_norm_and_not_at_zero(clip):
    training, _ = trained(grad_clip=clip, epochs=1)
    norm = torch.stack([p.grad.norm() for p in training.model.parameters()]).norm().item()
    if clip == 1e-3:
        assert norm == pytest.approx(1e-3, rel=1e-3)
    else:
        assert norm > 1.0
        assert equal(weights(training), weights(trained(grad_clip=0.0, epochs=1)[0]))


def test_weight_decay_shrinks_the_weights():
    norms = [
        sum(p.square().sum().item() for p in trained(weight_decay=decay)[0].model.parameters())
        for decay in (0.0, 10.0)
    ]
    assert norms[1] < norms[0]


def test_training_increases_the_elbo_of_new_images():
    _, records = trained(epochs=15, learning_rate=1e-2)
    assert records[-1].valid_elbo > records[0].valid_elbo + 5
    assert [record.epoch for record in records] == list(range(1, 16))
    assert records[-1].alerts == ()


def test_a_seed_fixes_the_training_and_another_changes_it():
    first, second, other = (trained(seed=seed) for seed in (1, 1, 2))
    assert equal(weights(first[0]), weights(second[0]))
    assert first[1] == second[1]
    assert not equal(weights(first[0]), weights(other[0]))


def test_alerts_reach_the_record_of_their_epoch():
    calm = trained(epochs=3)[1]
    assert all(record.alerts == () for record in calm)
    _, records = trained(epochs=3, posterior={"diagonal": {"log_var_bias": 8.0}})
    assert "a posterior variance of" in records[0].alerts[0]
    _, records = trained(failing(STEPS), epochs=3)
    assert [len(record.alerts) for record in records] == [0, 1, 0]
