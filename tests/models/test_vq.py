import math

import pytest
import torch

from tests.support import small
from tests.support.small import config, digits, shown, split, vae
from tests.support.trainings import VALID, N, failing, started
from vaeline.core.errors import VaelineError
from vaeline.evaluation.estimators.annealed import annealed_importance_sampling
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.observing import start_from
from vaeline.models.distributions.codebook import nearest_codes
from vaeline.training.fit import fit
from vaeline.training.steps.gradients import Gradients

TINY = {"codes": 3, "side": 2, "embedding_dim": 2}


def model(**options):
    torch.manual_seed(0)
    return vae(model={"name": "vq", "vq": {**TINY, **options}})


def trained(epochs: int, learning_rate: float, **options):
    params = config(model={"name": "vq", "vq": options}, epochs=epochs, learning_rate=learning_rate)
    training = started(params)
    start_from(training.model, split(N))
    records = list(fit(training, digits(N), VALID, params))
    return training.model.eval(), records


def objective(**section):
    return small.objective(config(objective=section, latent_dim=8))  # as in TINY


def every(built) -> torch.Tensor:
    """Returns the z of all combinations of codes, [codes^positions, latent_dim]."""
    table = built.prior().table
    positions = built.prior().positions
    return table[torch.cartesian_prod(*[torch.arange(len(table))] * positions)].flatten(1)


def test_the_bound_is_below_the_evidence_summed_over_all_codes():
    built, _ = trained(epochs=10, learning_rate=1e-2, **TINY)
    images = digits(40) // 128 * 255
    with torch.no_grad():
        compare(built, images)


def compare(built, images):
    z, x = every(built), images / 255
    log_p, likelihood = built.joint(z.unsqueeze(1))
    assert log_p.exp().sum().item() == pytest.approx(1)
    joint = log_p + likelihood.log_prob(x)  # [codes^positions, N]
    evidence = joint.logsumexp(0)
    bound = elbo_terms(built, images).elbo
    assert (bound < evidence).all()
    # The difference is the probability of all codes but the encoder's.
    own = built.infer(x).layers[0].sample[0]
    chosen = (z.unsqueeze(1) == own).all(-1).int().argmax(0)
    torch.testing.assert_close(bound, joint.gather(0, chosen[None])[0], rtol=1e-4, atol=1e-4)
    bounds = importance_bounds(built, images, (1, 7))
    torch.testing.assert_close(bounds.bounds, bound.double()[:, None].expand(-1, 2), rtol=1e-5, atol=1e-4)


@torch.no_grad()
def test_the_rate_under_a_uniform_prior_is_the_logarithm_of_the_number_of_codes():
    built, images = model(codes=5).eval(), digits(20)
    torch.nn.init.zeros_(built.prior.network.head[-1].weight)
    rate = elbo_terms(built, images).rate
    torch.testing.assert_close(rate, torch.full((20,), 4 * math.log(5)))


@torch.no_grad()
def test_a_code_depends_on_all_codes_before_it_and_on_no_other():
    for side, layers in ((2, 3), (4, 3), (5, 1)):
        prior = model(side=side, prior_layers=layers).eval().prior
        torch.manual_seed(1)
        codes = torch.randint(3, (1, side**2))
        before = prior.logits(codes)
        for i in range(side**2):
            changed = codes.clone()
            changed[:, i] = (changed[:, i] + 1) % 3
            moved = (prior.logits(changed) != before).any(-1)[0]
            assert moved.tolist() == [j > i for j in range(side**2)]


def test_its_gradient_is_that_of_the_loss_in_the_paper():
    """−log p(x|z) straight through, the commitment loss, and −log p(c) for the prior only."""
    built, x, beta = model(commitment=0.4), shown(20), 0.7
    with torch.no_grad():
        table = built.prior().table.clone()
    encoded = built.vectors(x)
    codes, _ = nearest_codes(encoded, table)
    straight = encoded + (table[codes] - encoded).detach()
    loss = -built.decode(straight.flatten(1)).log_prob(x).mean()
    loss = loss + beta * 0.4 * (encoded - table[codes]).square().sum((1, 2)).mean()
    log_p = built.prior.logits(codes.flatten(1)).log_softmax(-1).gather(-1, codes.flatten(1).unsqueeze(-1))
    loss = loss - beta * log_p.sum() / len(x)
    expected = torch.autograd.grad(loss, list(built.parameters()))
    gradients = torch.autograd.grad(objective()(built, x, beta).loss, list(built.parameters()))
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-5)


def test_commitment_changes_no_reported_value():
    x, losses = shown(20), []
    for commitment in (0.0, 5.0):
        built = model(commitment=commitment)
        losses.append(objective()(built, x, 1.0))
    assert torch.equal(losses[0].kl, losses[1].kl)
    assert torch.equal(losses[0].loss, losses[1].loss)
    torch.testing.assert_close(losses[0].loss, (losses[0].distortion + losses[0].kl.sum(1)).mean())


def test_the_codebook_follows_in_training_only_after_the_batch_was_coded():
    built, x = model(), shown(30)
    before = built.prior().table.clone()
    encoded, codes = built.vectors(x), nearest_codes(built.vectors(x), before)[0]
    built.eval().infer(x)
    assert torch.equal(built.prior().table, before)
    z = built.train().infer(x).layers[0].sample[0]
    assert torch.equal(z, before[codes].flatten(1))
    share = 0.99 / 3 + 0.01 * (codes == 1).float().mean()
    total = 0.99 * before[1] / 3 + 0.01 * encoded[codes == 1].sum(0) / codes.numel()
    torch.testing.assert_close(built.prior().table[1], total / share)


def test_a_skipped_update_leaves_the_codebook_unchanged():
    params = config(model={"name": "vq"})
    built = vae(**params.to_dict())
    gradients = Gradients(built, failing(0), params)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    for failed in (True, False):
        assert bool(gradients(shown(30), 1.0).failed) == failed
        same = [torch.equal(before[name], value) for name, value in built.state_dict().items()]
        assert all(same) == failed


def test_its_codebook_starts_at_vectors_of_training_images():
    built = model(codes=8)
    start_from(built, split(50))
    encoded = built.vectors(torch.from_numpy(split(50).evenly_spaced(50))).flatten(0, 1)
    assert nearest_codes(built.prior().table, encoded)[1].max() < 1e-5


def test_its_prior_learns_the_codes_and_their_use_is_measured():
    built, records = trained(epochs=20, learning_rate=3e-3)
    rates = [record.valid_kl for record in records]
    assert rates[-1] < 0.8 * 16 * math.log(64)
    assert records[-1].valid_elbo > records[0].valid_elbo + 10
    means = measure_latents(built, digits(200)).mean
    measures = built.measures(means)
    codes = nearest_codes(means.unflatten(1, (16, 8)), built.prior().table)[0]
    assert measures["codes"] == 64
    assert measures["codes_used"] == pytest.approx(len(codes.unique()) / 64)
    assert 10 < measures["code_perplexity"] <= len(codes.unique())


def test_in_bfloat16_codes_are_those_of_float32_vectors():
    built, x = model(codes=40).eval(), shown(30)
    with torch.autocast("cpu", torch.bfloat16):
        loss = objective()(built, x, 1.0).loss
        encoded, (layer,) = built.vectors(x), built.infer(x).layers
    assert torch.isfinite(loss)
    codes = nearest_codes(encoded, built.prior().table)[0]
    assert torch.equal(layer.sample[0], built.prior().table[codes].flatten(1))
    vectors = torch.randn(200, 2)  # away from any encoder
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(nearest_codes(vectors, built.prior().table)[0], brute_force(vectors, built))


def brute_force(vectors, built) -> torch.Tensor:
    return (vectors.double()[:, None] - built.prior().table.double()).norm(dim=-1).argmin(-1)


def test_free_bits_are_of_a_position():
    built, x = model().eval(), shown(20)
    params = config(free_bits=5.0)  # more than any code can cost
    loss = small.objective(params)(built, x, 1.0)
    assert loss.kl.shape == (20, 4)
    torch.testing.assert_close(loss.loss, loss.distortion.mean() + 4 * 5.0)


@pytest.mark.parametrize(
    "section", [{"name": "info"}, {"name": "factor"}, {"name": "iwae", "k": 3}, {"elbo": {"kl": "drawn"}}]
)
def test_objectives_that_need_no_density_train_it(section):
    built, x = model(), shown(30)
    loss = objective(**section)(built, x, 1.0).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert built.fc_vectors.weight.grad.any()


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"name": "beta_tc"}, "diagonal Gaussians"),
        ({"name": "dip"}, "diagonal Gaussians"),
        ({"name": "iwae", "iwae": {"estimator": "stl"}}, "need a Gaussian posterior"),
        ({"name": "iwae", "iwae": {"estimator": "dreg"}}, "need a Gaussian posterior"),
    ],
)
def test_objectives_that_need_gaussians_reject_it(section, reason):
    with pytest.raises(VaelineError, match=reason):
        objective(**section)(model(), shown(6), 1.0)


def test_params_that_have_no_meaning_for_codes_are_rejected():
    with pytest.raises(VaelineError, match="ais_images=0"):
        annealed_importance_sampling(model().eval(), digits(3), 2)
    for section in ("posterior", "prior"):
        name = {"posterior": "full", "prior": "vamp"}[section]
        with pytest.raises(VaelineError, match=rf"{section}\.name = '{name}' has no meaning"):
            vae(model={"name": "vq"}, **{section: {"name": name}})
