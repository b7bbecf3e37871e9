"""Whether a measured negative log-likelihood reproduces a published one."""

from typing import Any

from vaeline.estimators.estimate import Estimate


def verdict(iwae: Estimate, config: Any) -> dict[str, float | str]:
    """Returns the NLL, −IWAE-K in nats, and, where `config.target_nll` names a published one, the verdict.

    `target_rule` is `within`: at most `target_tolerance` nats away on either side; or `at_most`: not more
    than that above it. Both are of the same test images, so that their choice is not part of the difference.
    """
    nll = {"nll": -iwae.mean, "nll_se": iwae.se}
    if config.target_nll is None:
        return nll
    difference = -iwae.mean - config.target_nll
    distance = abs(difference) if config.target_rule == "within" else difference
    passed = distance <= config.target_tolerance
    return nll | {
        "target_nll": config.target_nll,
        "nll_minus_target": difference,
        "verdict": "pass" if passed else "fail",
    }
