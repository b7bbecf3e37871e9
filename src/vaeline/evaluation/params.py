"""The params that the stages of evaluation read."""

from typing import Literal, Protocol


class TrainedModelParams(Protocol):
    """The params of every stage that uses a trained model."""

    @property
    def seed(self) -> int:
        """Seed of all randomness."""

    @property
    def device(self) -> str:
        """`auto`, `cpu` or `cuda`."""

    @property
    def select(self) -> str:
        """Which checkpoint: `best` or `last`."""


class TargetParams(Protocol):
    """The published negative log-likelihood to compare with, if any."""

    @property
    def target_nll(self) -> float | None:
        """The published value, in nats."""

    @property
    def target_rule(self) -> Literal["within", "at_most"]:
        """Whether a lower value is a pass too."""

    @property
    def target_tolerance(self) -> float:
        """Allowed difference, in nats."""


class EvaluateParams(TrainedModelParams, TargetParams, Protocol):
    """The params of `evaluate`."""

    @property
    def elbo_samples(self) -> int:
        """Draws of z for each image, for the ELBO."""

    @property
    def iwae_k(self) -> int:
        """Draws of z for each image, for IWAE-K."""

    @property
    def compile(self) -> Literal["auto", "always", "never"]:
        """Whether IWAE-K is compiled on a CPU; `auto`: where there is much to compute."""

    @property
    def ais_images(self) -> int:
        """Images for annealed importance sampling; 0 for none."""

    @property
    def ais_steps(self) -> int:
        """Temperatures of annealed importance sampling."""

    @property
    def compress_images(self) -> int:
        """Images to compress; 0 for none."""


class FidReferenceParams(Protocol):
    """The params of `fid_reference`."""

    @property
    def device(self) -> str:
        """`auto`, `cpu` or `cuda`."""

    @property
    def fid_samples(self) -> int:
        """Images in each half, if there are as many."""

    @property
    def fid_inception(self) -> Literal["auto", "require", "skip"]:
        """Whether to use Inception's features."""
