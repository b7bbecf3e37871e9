"""What z is worth: how much it tells the decoder, and what one more nat of rate would buy."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, even_indices, model_input, model_input_chunks, rows_at_a_time
from vaeline.evaluation.estimators.estimate import Estimate, means_with_errors
from vaeline.models.inference import Inference

GAIN_IMAGES = 2000  # images
EXCHANGE_DRAWS = 4  # of z each, for the exchange rate: a ratio of small differences
STEP = 0.1  # by which log σ of the posterior is moved, to either side


@torch.inference_mode()
def latent_gain(model: nn.Module, images: Observations) -> dict[str, float]:
    """Returns `z_gain`, how much better an image is explained by its own z than by another image's, in nats.

    log p(x|z) − log p(x|z'), for uint8 images [N, C, H, W] and one draw each, with its standard error. The z'
    are of the same aggregate posterior, and so as likely as z: where the gain is 0 the decoder ignores z,
    whatever the rate is. Kingma & Welling's ELBO (2014, equation 3) cannot tell the two apart.
    """
    own, other = [], []
    for x in model_input_chunks(model, images[even_indices(len(images), GAIN_IMAGES)]):
        z = torch.cat([layer.sample[0] for layer in model.infer(x).layers], -1)  # [B, d]
        own.append(_explained(model, x, z))
        other.append(_explained(model, x, z.roll(1, 0)))
    return means_with_errors({"z_gain": torch.cat(own) - torch.cat(other)})


@torch.inference_mode()
def exchange_rate(model: nn.Module, images: Observations) -> dict[str, float]:
    """Returns `exchange_rate`, by how many nats the distortion would fall for one more nat of rate.

    −dD/dR along a common factor of the posterior's σ, at the same noise, for uint8 images [N, C, H, W]: 1
    where the ELBO is at its best in that direction, β where training weighed the KL by β (Alemi et al. 2018,
    "Fixing a broken ELBO"). With its standard error; nothing for a model whose posterior and
    prior are not one layer of diagonal Gaussians.
    """
    rates, distortions = [], []
    for chunk in images[even_indices(len(images), GAIN_IMAGES)].split(
        max(1, rows_at_a_time(images.shape[1:]) // EXCHANGE_DRAWS)
    ):
        x = model_input(chunk, device_of(model))
        inference = model.infer(x, EXCHANGE_DRAWS)
        if len(inference.layers) != 1 or not inference.layers[0].factorised:
            return {}
        wide, narrow = (_scaled(model, x, inference, step) for step in (STEP, -STEP))
        rates.append(narrow[0] - wide[0])
        distortions.append(wide[1] - narrow[1])
    spent, bought = torch.cat(rates).double().cpu(), torch.cat(distortions).double().cpu()
    if not spent.mean() > 0:  # a posterior that is the prior
        return {}
    ratio = (bought.mean() / spent.mean()).item()
    return {
        "exchange_rate": ratio,
        "exchange_rate_se": Estimate.of((bought - ratio * spent) / spent.mean()).se,
    }


def _scaled(model: nn.Module, x: Observations, inference: Inference, step: float) -> tuple[Tensor, Tensor]:
    """Returns rate and distortion for x [B, C, H, W], [B], with σ times e^step and the noise as it was."""
    (layer,) = inference.layers
    q = layer.posterior.base_dist
    factor = torch.tensor(step).exp()
    wider = Independent(Normal(q.loc, q.scale * factor), 1)
    z = q.loc + (layer.sample - q.loc) * factor
    moved = replace(layer, posterior=wider, sample=z)
    distortion = -model.conditioned(x).decode(z).log_prob(pixels(x))
    return moved.kl_terms().sum(-1), distortion.mean(0)


def _explained(model: nn.Module, x: Observations, z: Tensor) -> Tensor:
    """Returns log p(x|z) for x [B, C, H, W] and z [B, d], [B]."""
    return model.conditioned(x).joint(z)[1].log_prob(pixels(x)).cpu()
