"""All contestants do the same work."""

import pytest
import torch
from torch import nn

from benchmarks.loop import stage_loop
from benchmarks.models import MLP_PARAMS, MNIST_SHAPE, vae
from benchmarks.peers import Eager, Plain, Pythae, PytorchExamples, loop_iwae, negative_elbo, pythae_vae
from benchmarks.products import products, replay
from benchmarks.roofline import one_pass
from benchmarks.training import BURDA_PARAMS, CONV_PARAMS, CONV_SHAPE
from vaeline.evaluation.estimators.bounds import compute_iwae_bound
from vaeline.training.objectives.catalog import OBJECTIVES

CPU = {"device": "cpu"}


def model_without_noise(changes, shape):
    """Returns a model whose posterior is so narrow that its noise does not matter."""
    model = vae(changes, shape)
    model.posterior.fc_log_var.weight.data.zero_()
    model.posterior.fc_log_var.bias.data.fill_(-20.0)
    return model


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def images(n, shape=MNIST_SHAPE):
    return torch.randint(256, (n, *shape), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("changes", "shape"), [(MLP_PARAMS, MNIST_SHAPE), (BURDA_PARAMS, MNIST_SHAPE), (CONV_PARAMS, CONV_SHAPE)]
)
def test_layers_and_loss_equal_ours(changes, shape):
    x = images(8, shape).float() / 255
    model = model_without_noise({**changes, **CPU}, shape)
    plain, peer = Plain(model), pythae_vae(model, shape)
    assert size(model) == size(plain) == size(peer)
    elbo = OBJECTIVES.build({"name": "elbo"}, free_bits=0.0, latent_dim=20, images=8, batch_size=8)
    own = elbo(model, x, 1.0).loss.item()
    assert negative_elbo(*plain(x), x).item() / len(x) == pytest.approx(own, rel=1e-4)
    assert peer({"data": x}).loss.item() == pytest.approx(own, rel=1e-4)


def test_pytorch_examples_has_the_layers_and_the_loss_of_our_mlp():
    x = images(8).float() / 255
    plain = Plain(model_without_noise({**MLP_PARAMS, **CPU}, MNIST_SHAPE))
    examples = PytorchExamples(images(8), images(4), 4)
    network = examples.model.cpu()
    assert size(network) == size(plain)
    layers = (plain.encoder[1][0], plain.fc_mu, plain.fc_log_var, plain.decoder[0][0], plain.decoder[1])
    for name, layer in zip(("fc1", "fc21", "fc22", "fc3", "fc4"), layers, strict=True):
        getattr(network, name).load_state_dict(layer.state_dict())
    assert examples.loss(x).item() == pytest.approx(negative_elbo(*plain(x), x).item(), rel=1e-4)


def test_every_peer_updates_its_weights(tmp_path):
    binary, valid = images(40) // 128 * 255, images(8)
    model = vae(MLP_PARAMS)
    peers = {
        "eager": Eager(model, binary, valid, 10),
        "examples": PytorchExamples(binary, valid, 10),
        "pythae": Pythae(model, binary, valid, 10, tmp_path),
    }
    for name, peer in peers.items():
        trained = peer.trainer.model if name == "pythae" else peer.model
        before = nn.utils.parameters_to_vector(trained.parameters()).clone()
        peer.epoch()
        assert not torch.equal(before, nn.utils.parameters_to_vector(trained.parameters())), name


def test_our_loop_saves_its_state_and_logs_to_mlflow_as_the_stage_does(tmp_path):
    torch.set_deterministic_debug_mode("default")
    changes = {**MLP_PARAMS, **CPU, "batch_size": 10, "compile": "never"}
    with stage_loop(images(20), images(5), tmp_path, **changes) as epochs:
        next(epochs)
        next(epochs)
        assert torch.get_deterministic_debug_mode() == 0  # the peers are not held to it
        assert len(list((tmp_path / "scratch").glob("bench.0/state_*.pt"))) == 2
    assert (tmp_path / "mlflow.db").is_file()


@torch.no_grad()
def test_loop_over_k_computes_our_bound():
    model = vae(MLP_PARAMS | CPU).eval()
    x = (images(10) > 127).to(torch.uint8) * 255
    theirs = loop_iwae(Plain(model), (x.float() / 255).split(5), 200)
    assert theirs == pytest.approx(compute_iwae_bound(model, x, 200).mean, rel=5e-3)


@pytest.mark.parametrize(("changes", "shape"), [(MLP_PARAMS, MNIST_SHAPE), (CONV_PARAMS, CONV_SHAPE)])
def test_products_are_those_of_the_layers_except_for_the_gradient_of_the_input(changes, shape):
    plain, x = Plain(vae({**changes, **CPU}, shape)), torch.rand(2, *shape)
    layers = [m for m in plain.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    linear = sum(isinstance(layer, nn.Linear) for layer in layers)
    assert len(products(plain, x, backward=False)) == len(layers)
    runs = products(plain, x, backward=True)
    assert len(runs) == 3 * linear + 2 * (len(layers) - linear) - isinstance(layers[0], nn.Linear)
    replay(runs, 2)


def test_one_pass_of_the_mlp_moves_what_likelihood_and_adam_read_and_write():
    plain, x = Plain(vae(MLP_PARAMS | CPU)), torch.rand(128, *MNIST_SHAPE)
    weights = 784 * 400 + 400 + 2 * (400 * 20 + 20) + 20 * 400 + 400 + 400 * 784 + 784
    scored = 2 * 128 * 784  # images and logits
    logits = plain(x)[0].detach()
    assert 2 * one_pass(plain, x, logits, backward=False)().numel() == scored
    assert 2 * one_pass(plain, x, logits, backward=True)().numel() == scored + 128 * 784 + 7 * weights
