"""How the bound rises with K, whether it is loose, and AIS next to it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vaeline.core.nouns import IMAGE, Noun
from vaeline.evaluation.estimators.annealed import CHAINS
from vaeline.evaluation.estimators.bounds import ImportanceBounds
from vaeline.evaluation.estimators.estimate import Estimate, estimate_text

TABLE_K = 5000  # K of published tables, since Burda et al. (2016)

# Half of the last digit in a table. To second order IWAE-K is (1/ESS − 1/K)/2 nats below log p(x) (Nowozin
# 2018, proposition 1), so that of many samples 100 must count. The margin is needed because samples that miss
# the tail of their weights do not show it: where 22 of 5,000 counted, annealed importance sampling found 0.8
# nats more (784–400–200–20, 14 epochs, 100 images).
TOLERANCE = 0.005


def iwae_curve(bounds: ImportanceBounds) -> pd.DataFrame:
    """Returns IWAE-K in nats with its standard error over images: a row for each K, columns k, iwae, se."""
    estimates = [Estimate.of(column) for column in bounds.bounds.T]
    return pd.DataFrame(
        {"k": bounds.ks, "iwae": [e.mean for e in estimates], "se": [e.se for e in estimates]}
    )


def iwae_looseness(bounds: ImportanceBounds) -> dict[str, int | str]:
    """Returns `iwae_loose`, 1 if there are signs that log p(x) is well above IWAE-K, and then `iwae_note`.

    The signs are a small effective sample size, and a last doubling of K that gained more than twice the
    standard error of that gain, both beyond `TOLERANCE`. The note names the signs and the command to run.
    """
    k, ess, gain = bounds.ks[-1], bounds.ess.mean().item(), Estimate.of(bounds.last_doubling)
    signs = []
    if k == 1 or (1 / ess - 1 / k) / 2 > TOLERANCE:
        signs.append(f"the effective sample size is {ess:.1f}")
    if gain.mean > max(2 * gain.se, TOLERANCE):
        signs.append(f"the last doubling of K gained {gain.mean:.3f} ± {gain.se:.3f} nats")
    if not signs:
        return {"iwae_loose": 0}
    remedy = f"`dvc exp run -S iwae_k={TABLE_K}` tightens it"
    if k >= TABLE_K:
        remedy = "`dvc exp run -S ais_images=100` measures by how much"
    return {"iwae_loose": 1, "iwae_note": f"IWAE-{k} is loose: {', and '.join(signs)}; {remedy}"}


def bound_lines(metrics: Mapping[str, Any], noun: Noun = IMAGE) -> list[str]:
    """Returns the bounds as text, with AIS minus IWAE-K if it ran, and the note if the bound is loose."""
    bound = f"IWAE-{metrics['iwae_k']}"
    elbo, iwae = estimate_text(metrics, "elbo"), estimate_text(metrics, "iwae")
    lines = [f"ELBO {elbo}, {bound} {iwae} nats on {metrics['images']} test {noun.examples}"]
    if "bits_per_dim" in metrics:
        lines.append(f"{bound} in bits per dimension: {estimate_text(metrics, 'bits_per_dim')}")
    if metrics["ais_images"]:
        lines.append(
            f"annealed importance sampling minus {bound}: {estimate_text(metrics, 'ais_minus_iwae')} nats on "
            f"{metrics['ais_images']} of them (acceptance {metrics['ais_acceptance']:.2f}, "
            f"effective sample size {metrics['ais_ess']:.1f} of {CHAINS} chains)"
        )
    if "compressed_bits" in metrics:
        lines.append(
            f"{metrics['compressed_images']} images in a file: {metrics['compressed_bits']:.2f} bits each, "
            f"−ELBO {estimate_text(metrics, 'compressed_bits_bound')} bits at the same z"
        )
    return [*lines, *([f"warning: {metrics['iwae_note']}"] if "iwae_note" in metrics else [])]
