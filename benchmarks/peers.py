"""Other implementations of the same work, all with our layers: plain PyTorch, pytorch/examples, pythae."""

import copy
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from vaeline.models.posteriors.diagonal import DiagonalGaussian
from vaeline.models.vae import VAE
from vaeline.runtime.devices import device

PEER_LEARNING_RATE = 1e-3
TEST_BATCH = 128


class Plain(nn.Module):
    """A copy of our one-layer model's networks, called as in plain PyTorch."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        if not isinstance(model.posterior, DiagonalGaussian):
            raise TypeError("the peers have a diagonal Gaussian posterior")
        self.encoder, self.decoder = copy.deepcopy(model.encoder), copy.deepcopy(model.decoder)
        self.fc_mu = copy.deepcopy(model.posterior.fc_mu)
        self.fc_log_var = copy.deepcopy(model.posterior.fc_log_var)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns μ and log σ², [B, d], for x [B, C, H, W]."""
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_log_var(h)

    def reparameterize(self, mu: Tensor, log_var: Tensor) -> Tensor:
        """Returns z ~ N(μ, σ²), [B, d]."""
        return mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns logits [B, C, H, W], μ and log σ²."""
        mu, log_var = self.encode(x)
        return self.decoder(self.reparameterize(mu, log_var)), mu, log_var


def negative_elbo(logits: Tensor, mu: Tensor, log_var: Tensor, x: Tensor) -> Tensor:
    """Returns the negative ELBO of a batch in nats, summed over its images."""
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return distortion - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())


class Eager:
    """A simple training loop: batches by index, images binarized, the loss, its gradient, and Adam."""

    def __init__(self, model: VAE, images: Tensor, valid: Tensor, batch_size: int) -> None:
        where = device("auto")
        self.model = Plain(model).to(where)
        self.images, self.valid = images.to(where).float() / 255, valid.to(where).float() / 255
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(self.model.parameters(), PEER_LEARNING_RATE)

    def epoch(self) -> None:
        """Trains on every image once, and computes the loss of the validation images."""
        self.model.train()
        for index in torch.randperm(len(self.images), device=self.images.device).split(self.batch_size):
            x = torch.bernoulli(self.images[index])
            self.optimizer.zero_grad()
            (self._loss(x) / len(x)).backward()
            self.optimizer.step()
        self.model.eval()
        with torch.no_grad():
            sum(self._loss(x).item() for x in self.valid.split(TEST_BATCH))

    def _loss(self, x: Tensor) -> Tensor:
        logits, mu, log_var = self.model(x)
        return negative_elbo(logits, mu, log_var, x)


class PytorchExamples:
    """pytorch/examples, vae/main.py: a DataLoader over torchvision's MNIST, each image through PIL."""

    class Network(nn.Module):
        """Its layers: 784–400–20."""

        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Returns pixels [B, 784] in [0, 1], μ and log σ²."""
            h1 = F.relu(self.fc1(x.view(-1, 784)))
            mu, log_var = self.fc21(h1), self.fc22(h1)
            z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_var)
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, log_var

    def __init__(self, images: Tensor, valid: Tensor, batch_size: int) -> None:
        self.device = device("auto")
        self.model = self.Network().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), PEER_LEARNING_RATE)
        self.train_loader, self.test_loader = (
            DataLoader(_mnist(split), batch_size, shuffle=shuffle)
            for split, shuffle in ((images, True), (valid, False))
        )

    def epoch(self) -> None:
        """Runs its `train` and `test`, without the picture that `test` saves."""
        self.model.train()
        train_loss = 0.0
        for number, (data, _) in enumerate(self.train_loader):
            data = data.to(self.device)
            self.optimizer.zero_grad()
            batch_loss = self.loss(data)
            batch_loss.backward()
            train_loss += batch_loss.item()
            self.optimizer.step()
            if number % 10 == 0:
                print(f"{number}: {batch_loss.item() / len(data):.6f}")
        self.model.eval()
        with torch.no_grad():
            test_loss = sum(self.loss(data.to(self.device)).item() for data, _ in self.test_loader)
        print(train_loss, test_loss)

    def loss(self, x: Tensor) -> Tensor:
        """Returns its loss in nats, summed over the batch x [B, 1, 28, 28]."""
        pixels, mu, log_var = self.model(x)
        bce = F.binary_cross_entropy(pixels, x.view(-1, 784), reduction="sum")
        return bce - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())


def _mnist(images: Tensor) -> Any:
    from torchvision.datasets import MNIST, VisionDataset
    from torchvision.transforms import ToTensor

    class Mnist(MNIST):  # type: ignore[misc]  # torchvision ships no types
        """torchvision's own `__getitem__`, over images in memory."""

        def __init__(self) -> None:
            VisionDataset.__init__(self, "", transform=ToTensor())
            self.data, self.targets = images.squeeze(1), torch.zeros(len(images), dtype=torch.int64)

    return Mnist()


def pythae_vae(model: VAE, event_shape: tuple[int, ...]) -> nn.Module:
    """Returns pythae's VAE around copies of our networks, with the Bernoulli distortion."""
    from pythae import models
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):  # type: ignore[misc]  # pythae ships no types
        """Our encoder, under the names that pythae expects."""

        def __init__(self) -> None:
            super().__init__()
            self.plain = Plain(model)
            del self.plain.decoder

        def forward(self, x: Tensor) -> Any:
            """Returns μ and log σ², [B, d]."""
            mu, log_var = self.plain.encode(x)
            return ModelOutput(embedding=mu, log_covariance=log_var)

    class Decoder(BaseDecoder):  # type: ignore[misc]  # pythae ships no types
        """Our decoder, followed by a sigmoid as pythae's are."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = copy.deepcopy(model.decoder)

        def forward(self, z: Tensor) -> Any:
            """Returns pixels [B, C, H, W] in [0, 1]."""
            return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)))

    config = models.VAEConfig(input_dim=event_shape, latent_dim=model.latent_dim, reconstruction_loss="bce")
    network: nn.Module = models.VAE(config, Encoder(), Decoder())
    return network


class Pythae:
    """pythae's BaseTrainer: each call is an epoch of training and a pass over the validation images."""

    def __init__(self, model: VAE, images: Tensor, valid: Tensor, batch_size: int, folder: Path) -> None:
        from pythae.data.datasets import BaseDataset
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        config = BaseTrainerConfig(
            output_dir=str(folder),
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=TEST_BATCH,
            learning_rate=PEER_LEARNING_RATE,
            num_epochs=1,
        )
        sets = [BaseDataset(split.float() / 255, torch.zeros(len(split))) for split in (images, valid)]
        self.trainer = BaseTrainer(pythae_vae(model, tuple(images.shape[1:])), *sets, config)
        self.trainer.prepare_training()

    def epoch(self) -> None:
        """Does what its `train` does in an epoch, except for saving."""
        trainer = self.trainer
        trainer.train_step(1)
        trainer.eval_step(1)
        trainer._best_model = copy.deepcopy(trainer.model)
        trainer.callback_handler.on_epoch_end(training_config=trainer.training_config)


@torch.no_grad()
def loop_iwae(model: Plain, batches: Iterable[Tensor], k: int) -> float:
    """Returns IWAE-K in nats, by a loop over the K draws of a batch [B, C, H, W] in {0, 1}."""
    model.eval()
    total, count = 0.0, 0
    for x in batches:
        mu, log_var = model.encode(x)
        log_weights = []
        for _ in range(k):
            z = model.reparameterize(mu, log_var)
            log_p_x_z = -F.binary_cross_entropy_with_logits(model.decoder(z), x, reduction="none")
            log_p_z = -0.5 * torch.sum(z.pow(2) + math.log(2 * math.pi), dim=1)
            std = torch.exp(0.5 * log_var)
            log_q_z = -0.5 * torch.sum(log_var + ((z - mu) / std).pow(2) + math.log(2 * math.pi), dim=1)
            log_weights.append(log_p_x_z.flatten(1).sum(dim=1) + log_p_z - log_q_z)
        iwae = torch.logsumexp(torch.stack(log_weights, dim=1), dim=1) - math.log(k)
        total, count = total + iwae.sum().item(), count + len(x)
    return total / count
