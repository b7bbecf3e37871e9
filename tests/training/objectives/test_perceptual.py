import pytest
import torch
from torch.nn.functional import mse_loss
from torchvision.models import VGG16_Weights, vgg16
from torchvision.models.feature_extraction import create_feature_extractor

from tests.support.small import config, objective, shown, vae
from vaeline.evaluation.pretrained import WeightsUnavailableError
from vaeline.training.objectives import perceptual

B = 4


def built(weight: float = 1.0, **changes):
    section = {"name": "perceptual", "perceptual": {"weight": weight}, **changes}
    return objective(config(objective=section))


def terms(loss, model, x):
    torch.manual_seed(3)
    return loss(model, x, 1.0)


def test_features_are_those_of_torchvisions_vgg(vgg_weights):
    loss, images = built(), torch.rand(B, 3, 32, 32)
    stored = torch.load(next((vgg_weights / "hub" / "checkpoints").glob("vgg16*")))
    peer = vgg16()
    peer.load_state_dict({k: v for k, v in stored.items() if k.startswith("features")}, strict=False)
    nodes = ["features.3", "features.8", "features.15"]  # in the graph of torchvision: relu1_2, 2_2 and 3_3
    normalised = (images - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    expected = create_feature_extractor(peer.eval(), nodes)(normalised)
    for ours, name in zip(loss.features(images), nodes, strict=True):
        assert ours.std() > 0.01  # else any features would pass
        torch.testing.assert_close(ours, expected[name])


def test_the_address_and_the_digest_are_torchvisions():
    assert VGG16_Weights.IMAGENET1K_V1.url == perceptual.URL
    assert perceptual.DIGEST in perceptual.URL


def test_weight_zero_gives_the_elbo():
    model, x = vae(), shown(B)
    expected = terms(objective(), model, x)
    found = terms(built(weight=0.0), model, x)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("k", [1, 3])
def test_term_is_the_mean_squared_difference_of_features(k):
    model, x, loss = vae().eval(), shown(B), built(weight=2.0, k=k)
    added = terms(loss, model, x).loss - terms(built(weight=0.0, k=k), model, x).loss
    torch.manual_seed(3)
    rebuilt = model.infer(x, k).likelihood.mean
    expected = sum(
        mse_loss(loss.features(rebuilt[i])[layer], loss.features(x)[layer]) / k
        for i in range(k)
        for layer in range(3)
    )
    torch.testing.assert_close(added, 2 * expected, rtol=1e-4, atol=1e-4)


def test_vgg_itself_is_not_trained():
    loss = built()
    terms(loss, vae(), shown(B)).loss.backward()
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_missing_weights_without_a_network_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(perceptual, "URL", (tmp_path / "nowhere" / "vgg16-397923af.pth").as_uri())
    with pytest.raises(
        WeightsUnavailableError, match=r"VGG-16's weights cannot be downloaded \(No such file"
    ):
        built()


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsUnavailableError, match=r"vgg16-397923af\.pth in .* is damaged"):
        built()
