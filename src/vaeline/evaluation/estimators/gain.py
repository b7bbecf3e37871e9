"""What z is worth: how much it tells the decoder, and what one more nat of rate would buy."""

import torch
from torch import Tensor

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, even_indices, model_input, model_input_chunks, rows_at_a_time
from vaeline.evaluation.estimators.estimate import Estimate, means_with_errors
from vaeline.evaluation.estimators.factorised import FactorisedLayer, factorised_layer
from vaeline.models.contracts import Model
from vaeline.models.distributions.divergences import kl_terms
from vaeline.models.distributions.gaussians import diagonal_gaussian

GAIN_IMAGES = 2000
EXCHANGE_DRAWS = 4  # of z for each image, for the exchange rate, which is a ratio of small differences
STEP = 0.1  # by which log σ of the posterior is changed, to either side


@torch.inference_mode()
def latent_gain(model: Model, images: Observations) -> dict[str, float]:
    """Returns `z_gain`, log p(x|z) − log p(x|z') in nats, with its standard error.

    z is drawn from q(z|x) of the image itself, z' from that of another image, for uint8 images [N, C, H, W]
    and one draw each. The z' come from the same aggregate posterior, so that they are as likely as z: where
    the gain is 0 the decoder ignores z, whatever the rate. The ELBO (Kingma & Welling 2014, equation 3)
    cannot tell these cases apart.
    """
    own, of_others = [], []
    for x in model_input_chunks(model, images[even_indices(len(images), GAIN_IMAGES)]):
        z = torch.cat([layer.sample[0] for layer in model.infer(x).layers], -1)  # [B, d]
        own.append(_log_likelihood(model, x, z))
        of_others.append(_log_likelihood(model, x, z.roll(1, 0)))
    return means_with_errors({"z_gain": torch.cat(own) - torch.cat(of_others)})


@torch.inference_mode()
def exchange_rate(model: Model, images: Observations) -> dict[str, float]:
    """Returns `exchange_rate`, the fall of the distortion in nats for one more nat of rate, with its error.

    This is −dD/dR along a common factor of the posterior's σ, with the same noise, for uint8 images [N, C, H,
    W]: 1 where the ELBO is optimal in that direction, β where training weighed the KL by β. Empty for a model
    whose posterior and prior are not one layer of diagonal Gaussians.

    References:
        Alemi et al. (2018), "Fixing a broken ELBO".
    """
    rates, distortions = [], []
    chunk_size = max(1, rows_at_a_time(images.shape[1:]) // EXCHANGE_DRAWS)
    for chunk in images[even_indices(len(images), GAIN_IMAGES)].split(chunk_size):
        x = model_input(chunk, device_of(model))
        layer = factorised_layer(model.infer(x, EXCHANGE_DRAWS))
        if layer is None:
            return {}
        wide, narrow = (_rate_and_distortion(model, x, layer, step) for step in (STEP, -STEP))
        rates.append(narrow[0] - wide[0])
        distortions.append(wide[1] - narrow[1])
    spent, bought = torch.cat(rates).double().cpu(), torch.cat(distortions).double().cpu()
    if not spent.mean() > 0:  # the posterior is the prior
        return {}
    ratio = (bought.mean() / spent.mean()).item()
    return {
        "exchange_rate": ratio,
        "exchange_rate_se": Estimate.of((bought - ratio * spent) / spent.mean()).se,
    }


def _rate_and_distortion(
    model: Model, x: Observations, layer: FactorisedLayer, step: float
) -> tuple[Tensor, Tensor]:
    """Returns rate and distortion for x [B, C, H, W], [B], with σ times e^step and the same noise."""
    q = layer.posterior
    factor = torch.tensor(step).exp()
    z = q.loc + (layer.sample - q.loc) * factor
    posterior, prior = diagonal_gaussian(q.loc, q.scale * factor), layer.prior
    rate = kl_terms(posterior, diagonal_gaussian(prior.loc, prior.scale), z).sum(-1)
    distortion = -model.conditioned(x).decode(z).log_prob(pixels(x))
    return rate, distortion.mean(0)


def _log_likelihood(model: Model, x: Observations, z: Tensor) -> Tensor:
    """Returns log p(x|z) for x [B, C, H, W] and z [B, d], [B]."""
    return model.conditioned(x).joint(z)[1].log_prob(pixels(x)).cpu()
