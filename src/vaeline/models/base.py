"""What every model has between z and the image."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.numerics import in_full
from vaeline.data.observations import Observations
from vaeline.data.prepared import Split
from vaeline.models.inference import Inference


class LatentVariableModel(nn.Module):
    """Base of models with p(x|z) made of a `decoder`, built by `network`, and a `likelihood`.

    `prior` is that of the uppermost layer, and `layers(x, k)` the stochastic layers with k draws of each, the
    one that the decoder sees first. `classes` is how many labels the model is told of, beside the images.
    """

    classes = 0

    def infer(self, x: Observations, k: int = 1) -> Inference:
        """Returns all layers with k draws of each, and p(x|z), for x [B, C, H, W] in [0, 1]."""
        layers = self.layers(x, k)
        return Inference(layers, self.conditioned(x).decode(layers[0].sample))

    def below(self, x: Tensor) -> Tensor:
        """Returns what the posterior of the uppermost layer is recognised from: x itself."""
        return x

    @torch.no_grad()
    def start_at(self, train: Split) -> None:
        """Starts where the training images tell: the decoder at their mean, the prior at some of them.

        Each part does as its options say, or nothing. Raises VaelineError where there are too few images.
        """
        device = next(self.parameters()).device
        self.network.start_at(self.decoder, self.likelihood.start(torch.from_numpy(train.mean())))
        self.prior.start_at(lambda count: self.below(torch.from_numpy(train.spread(count)).to(device)))

    def training_set(self, split: Split) -> Observations:
        """Returns what to train on of a split, uint8 [N, C, H, W]; `observe` makes batches of it."""
        return self.likelihood.training_set(torch.from_numpy(split.images.copy()))

    def evaluation_set(self, split: Split) -> Observations:
        """Returns what bounds are scored on of a split, always the same: 0 … 255, [N, C, H, W]."""
        return self.likelihood.evaluation_set(torch.from_numpy(split.images.copy()))

    def observe(self, examples: Observations, generator: torch.Generator) -> Observations:
        """Returns what the model is shown of a minibatch of the training set: float32 in [0, 1]."""
        return self.likelihood.observe(examples, generator)

    def conditioned(self, x: Observations) -> "LatentVariableModel":  # noqa: ARG002
        """Returns the model of the images alone, all else that is known of x held: as it stands."""
        return self

    def measures(self, means: Tensor) -> dict[str, float]:  # noqa: ARG002
        """Returns other measures by name, of the latent means [N, d] of images; nothing as it stands."""
        return {}

    def image(self, z: Tensor) -> Tensor:
        """Returns E[x|z] as an image, [..., C, H, W] in [0, 1]: some likelihoods' means are not bounded."""
        return self.decode(z).mean.clamp(0, 1)

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event [C, H, W]."""
        return self.likelihood(in_full(over_rows(self.decoder, z)))


def over_rows(network: nn.Module, z: Tensor) -> Tensor:
    """Returns `network` of every row of z [..., d]."""
    rows = network(z.reshape(-1, z.shape[-1]))
    return rows.reshape(*z.shape[:-1], *rows.shape[1:])
