"""Whether a measured negative log-likelihood reproduces a published one."""

from collections.abc import Mapping
from typing import Any


def target_verdict(metrics: Mapping[str, float], config: Any) -> dict[str, float | str]:
    """Returns the NLL, −`iwae` in nats, with its error; where `config.target_nll` is published, the verdict.

    `target_rule` is `within`: at most `target_tolerance` nats away on either side; or `at_most`: not more
    than that above it. Both are of the same test images, so that their choice is not part of the difference.
    """
    nll = {"nll": -metrics["iwae"], "nll_se": metrics["iwae_se"]}
    if config.target_nll is None:
        return nll
    difference = nll["nll"] - config.target_nll
    distance = abs(difference) if config.target_rule == "within" else difference
    passed = distance <= config.target_tolerance
    return nll | {
        "target_nll": config.target_nll,
        "nll_minus_target": difference,
        "verdict": "pass" if passed else "fail",
    }
