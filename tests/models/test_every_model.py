import pytest
import torch

from tests.support.noise import PreparedNoise, RecordedNoise
from tests.support.small import objective, shown_to, split, vae
from vaeline.data.prepared import Split
from vaeline.evaluation.estimators.latents import activity, measure_latents
from vaeline.evaluation.observing import evaluation_set, start_from
from vaeline.models.catalog import MODELS
from vaeline.models.networks.catalog import NETWORKS

K, B = 3, 5
EVERY = [(model, network) for model in MODELS for network in NETWORKS]
CONTINUOUS = [name for name in MODELS if name != "vq"]  # codes are tested in test_vq.py


def model(name: str, network: str, shape: tuple[int, int, int] = (1, 8, 8)):
    return vae(shape, model={"name": name}, network={"name": network})


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 9)], ids=str)
@pytest.mark.parametrize(("name", "network"), EVERY)
def test_it_infers_k_draws_for_each_image(name, network, shape):
    x = torch.rand(B, *shape)
    result = model(name, network, shape).infer(x, K)
    assert (result.likelihood.batch_shape, result.likelihood.event_shape) == ((K, B), shape)
    for layer in result.layers:
        assert layer.sample.shape == (K, B, *layer.posterior.event_shape)
        assert layer.posterior.batch_shape in ((B,), (K, B))
    assert result.distortion(x).shape == (K, B)
    assert result.log_weights(x).shape == (K, B)
    assert len(result.kl_terms()) == B


@pytest.mark.parametrize("name", list(MODELS))
def test_it_asks_for_the_same_noise_each_time_and_draws_from_that_alone(name):
    built = model(name, "mlp")  # in training mode, in which a codebook draws as well
    x = shown_to(built, B)
    state, (first, second) = torch.get_rng_state(), (RecordedNoise(), RecordedNoise())
    before = {key: value.clone() for key, value in built.state_dict().items()}
    result = built.infer(x, K, noise=first)
    built.load_state_dict(before)
    again = built.infer(x, K, noise=second)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shapes == second.shapes
    assert all(shape[:2] in ((K, B), (1, B)) for shape in first.shapes)
    for layer, repeated in zip(result.layers, again.layers, strict=True):
        assert torch.equal(layer.sample, repeated.sample)


@pytest.mark.parametrize("name", list(MODELS))
def test_it_is_one_graph_with_noise_that_was_drawn_beforehand(name):
    built = model(name, "mlp").eval()
    x, noise = shown_to(built, B), RecordedNoise()
    expected = built.infer(x, K, noise=noise).log_weights(x)

    def weights(x, *drawn):
        return built.infer(x, K, noise=PreparedNoise(list(drawn))).log_weights(x)

    compiled = torch.compile(weights, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, *noise.drawn), expected)


@pytest.mark.parametrize(("name", "network"), EVERY)
def test_its_samples_are_images(name, network):
    built = model(name, network).eval()
    images = built.sample(7)
    assert images.shape == (7, 1, 8, 8)
    assert images.min() >= 0
    assert images.max() <= 1
    assert not images.requires_grad
    assert not torch.equal(images, built.sample(7))


@pytest.mark.parametrize(("name", "network"), EVERY)
def test_the_loss_reaches_every_parameter(name, network):
    built = model(name, network)
    for parameter in built.parameters():
        if not parameter.any():  # as the last weights of a residual block, which hide those before them
            torch.nn.init.normal_(parameter, std=0.1)
    objective()(built, shown_to(built, B), 1.0).loss.backward()
    for parameter_name, parameter in built.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("name", "network"), EVERY)
def test_in_eval_mode_inference_depends_on_the_seed_and_not_on_the_rest_of_the_batch(
    name, network, batch_norm
):
    built = vae(model={"name": name}, network={"name": network, "batch_norm": batch_norm}).eval()
    x = shown_to(built, B)
    first, second = (_seeded(built, x) for _ in range(2))
    assert torch.equal(first, second)
    before = {key: value.clone() for key, value in built.state_dict().items()}
    alone, among = (_of_images_alone(built.infer(images)).posterior.mean for images in (x[:1], x))
    torch.testing.assert_close(alone, among[:1], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[key], value) for key, value in built.state_dict().items())


def _of_images_alone(result):
    """Returns the layer whose posterior depends on the image and on no draw."""
    return next(layer for layer in result.layers if len(layer.posterior.batch_shape) == 1)


def _seeded(built, x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(5)
    return built.infer(x, K).log_weights(x)


@pytest.mark.parametrize(("name", "network"), EVERY)
def test_its_likelihood_keeps_draws_and_examples_apart(name, network):
    """p(x|z) of draw k and example b is what decoding that z alone gives."""
    built = model(name, network).eval()
    x = shown_to(built, B)
    result = built.infer(x, K)
    z = torch.cat([layer.sample for layer in result.layers], -1)[..., : built.latent_dim]
    for k in range(K):
        for b in range(B):
            alone = built.conditioned(x[b : b + 1]).decode(z[k, b : b + 1]).mean[0]
            torch.testing.assert_close(alone, result.likelihood.mean[k, b], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", list(MODELS))
@torch.no_grad()
def test_its_joint_density_is_that_of_the_layers_it_infers(name):
    built = model(name, "mlp").eval()
    x = shown_to(built, B)
    result = built.infer(x, K)
    z = torch.cat([layer.sample for layer in result.layers], -1)
    log_prior, likelihood = built.conditioned(x).joint(z)
    assert built.prior_sample((K, B)).shape == z.shape
    torch.testing.assert_close(log_prior, sum(layer.prior.log_prob(layer.sample) for layer in result.layers))
    torch.testing.assert_close(likelihood.mean, result.likelihood.mean)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_from_its_prior_have_its_density(name):
    """Stein's identity: under p(z), E[∇ log p(z)] = 0 and E[z · ∇ log p(z)] = −1 in each dimension."""
    torch.manual_seed(0)
    built = model(name, "mlp").eval()
    z = built.prior_sample((20_000,))
    assert not z.requires_grad
    (score,) = torch.autograd.grad(built.joint(z.requires_grad_())[0].sum(), z)
    for values, expected in ((score, 0), (z.detach() * score, -1)):
        assert ((values.mean(0) - expected).abs() < 4.5 * values.std(0) / len(z) ** 0.5).all()


@pytest.mark.parametrize(("name", "network"), EVERY)
@pytest.mark.parametrize("output_bias", ["zero", "data_mean"])
def test_its_decoder_starts_at_the_mean_image_if_output_bias_is_data_mean(name, network, output_bias):
    """At the mean image, where its weights add nothing; clipped, since no logit makes a pixel 0 or 1."""
    built = vae(model={"name": name}, network={"name": network, "output_bias": output_bias}).eval()
    image = torch.full((1, 8, 8), 51) if network != "mlp" else torch.linspace(0, 255, 64).reshape(1, 8, 8)
    image = image.to(torch.uint8)
    start_from(built, Split(image.expand(2, -1, -1, -1).numpy(), torch.zeros(2, dtype=torch.int64).numpy()))
    mean = image / 255
    for parameter_name, parameter in built.decoder.named_parameters():
        if parameter_name.endswith("weight"):
            torch.nn.init.zeros_(parameter)
    expected = mean.clamp(0.001, 0.999) if output_bias == "data_mean" else torch.full((1, 8, 8), 0.5)
    torch.testing.assert_close(built.decode(torch.zeros(built.latent_dim)).mean.detach(), expected)


@pytest.mark.parametrize("name", list(MODELS))
def test_its_active_units_are_counted_layer_by_layer(name):
    built = model(name, "mlp").eval()
    images = evaluation_set(built, split(30))
    measured = measure_latents(built, images)
    assert measured.sizes == tuple(layer.sample.shape[-1] for layer in built.infer(shown_to(built, 2)).layers)
    assert measured.mean.shape == (30, sum(measured.sizes))
    active = activity(built, images)
    by_layer = [int(units) for units in active["train_active_units_by_layer"].split("+")]
    assert len(by_layer) == len(measured.sizes)
    assert sum(by_layer) == active["train_active_units"]
    assert len(str(active["train_active_units_one_draw_by_layer"]).split("+")) == len(measured.sizes)
