"""What every model and every part of one must have: the base classes to derive a new one from.

Shapes: a batch has B observations of `event_shape`, (C, H, W) for images; K draws of z are made for each; z
has d dimensions. Observations are float32: in [0, 1], or standardised (`Scaling`). Log-densities and
divergences are in nats.

A part is built by the table of its kind, and receives by keyword what its constructor names: `section`, the
options in params.yaml, and the context that the docstring of its base class lists.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.errors import VaelineError
from vaeline.core.registry import SectionValues
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.data.draws import Draws
from vaeline.data.observations import Observations
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.inference import Inference, Layer

EventShape = tuple[int, ...]


def image_shape(event_shape: EventShape, part: str, instead: str) -> tuple[int, int, int]:
    """Returns `event_shape` as (C, H, W).

    Raises:
        VaelineError: where observations are not images, that `part` needs them and what to use `instead`.
    """
    if len(event_shape) != 3:
        raise VaelineError(f"{part} needs images, not observations of shape {event_shape}: use {instead}")
    channels, height, width = event_shape
    return channels, height, width


class Network(ABC):
    """Builds encoders and decoders of one architecture.

    Context: `hidden_dim`, the width of fully connected layers.
    """

    @abstractmethod
    def encoder(self, event_shape: EventShape) -> tuple[nn.Module, int]:
        """Returns a module [B, *event_shape] → [B, features], and the number of features."""

    @abstractmethod
    def decoder(self, latent_dim: int, event_shape: EventShape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *event_shape], linear at its end."""

    @abstractmethod
    def start_at(self, decoder: nn.Module, parameters: Tensor) -> None:
        """Sets the output bias of its `decoder` to `parameters` [*event_shape], if its options say so."""


class Posterior(nn.Module, ABC):
    """q(z|x): turns the encoder's features into a distribution over z.

    Context: `features`, how many there are, and `latent_dim`, the dimensions of z.
    """

    __call__: Callable[..., Distribution]

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, features: Tensor) -> Distribution:
        """Returns q(z|x) for features [..., features]: batch [...], event [latent_dim].

        A diagonal Gaussian, or a distribution that is `NoiseDriven`.
        """


class Prior(nn.Module, ABC):
    """p(z): a module whose call returns a distribution over z.

    Context: `latent_dim`, the dimensions of z; `recognise`, the model's own map from inputs [M, *event_shape]
    to q(z|·), of which some priors are made; and the `event_shape` of those inputs.
    """

    __call__: Callable[..., Distribution]

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim].

        A diagonal Gaussian, or a distribution that is `NoiseDriven`.
        """

    def start_at(self, examples: Callable[[int], Tensor]) -> None:
        """Starts at training examples, if it has a use for them: `examples(M)` is [M, *event_shape]."""


class Likelihood(nn.Module, ABC):
    """p(x|z): turns the decoder's output into a distribution over observations.

    It also knows what the model observes of the stored values: `training_set` and `evaluation_set` are made
    once, `observe` is called on each minibatch, and draws its noise again each time. In all three, uint8
    values are levels, which are observed as level/255, and float32 values are observed as they are.

    Context: the `event_shape` of an observation, and the `scaling` of its values.

    Attributes:
        kinds: the kinds of values that it is a distribution of, see `Scaling`.
        step: the distance of neighbouring values, as observed, of which it gives the masses; 0 for a density;
            None for values that are no quantities, such as those of binary pixels.
    """

    kinds: ClassVar[tuple[str, ...]] = ("bytes", "range", "standardised")
    step: ClassVar[float | None] = None

    __call__: Callable[..., Distribution]

    def __init__(self, event_shape: EventShape, scaling: AnyScaling = BYTES) -> None:
        """Raises VaelineError for values of a kind that it is no distribution of."""
        super().__init__()
        self.event_shape, self.scaling = event_shape, scaling
        if scaling.kind not in self.kinds:
            raise VaelineError(
                f"this likelihood ({type(self).__name__}) is of values of the kind "
                f"{' or '.join(self.kinds)}, and those of the data are {scaling.kind}: use the Gaussian, "
                "`dvc exp run -S likelihood.name=gaussian`"
            )

    @property
    def parameter_shape(self) -> EventShape:
        """The shape of the decoder's output for one z."""
        return self.event_shape

    @abstractmethod
    def forward(self, decoded: Tensor) -> Distribution:
        """Returns p(x|z) for [..., *parameter_shape]: batch [...], event `event_shape`."""

    @abstractmethod
    def start(self, mean: Tensor) -> Tensor:
        """Returns the decoder's output [*parameter_shape] at which E[x|z] is `mean` [*event_shape]."""

    @abstractmethod
    def observe(self, values: Tensor, draws: Draws) -> Tensor:
        """Returns what the model observes of a minibatch [B, *event_shape] of `training_set`, float32."""

    def training_set(self, values: Tensor) -> Tensor:
        """Returns the values [N, *event_shape] to train on."""
        return values

    def evaluation_set(self, values: Tensor) -> Tensor:
        """Returns what bounds are scored on, of values [N, *event_shape], always the same."""
        return values

    def measures(self, log_likelihood: Tensor, dimensions: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Returns further measures by name, [N], of log p(x) [N] of observations of `dimensions` values."""
        return {}


class Generative(Protocol):
    """The generative half of a model, p(x, z), for observations whose labels, if any, are fixed."""

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event `event_shape`."""

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z) [...], and p(x|z), for z as `prior_sample` gives it: all layers side by side."""


class ModelParams(Protocol):
    """What a model reads of the params: two sizes, and the sections of its parts."""

    @property
    def hidden_dim(self) -> int:
        """Units of the first hidden layer of fully connected networks."""

    @property
    def latent_dim(self) -> int:
        """Dimensions of z."""

    @property
    def network(self) -> SectionValues:
        """The section `network`."""

    @property
    def posterior(self) -> SectionValues:
        """The section `posterior`."""

    @property
    def prior(self) -> SectionValues:
        """The section `prior`."""

    @property
    def likelihood(self) -> SectionValues:
        """The section `likelihood`."""


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """What a model may start from, of a training set of N observations.

    Attributes:
        mean: their mean, float32 [*event_shape].
        labels: int64 [N].
        examples: `examples(count)` gives that many, float32 [count, *event_shape], taken evenly from the
            whole set.
    """

    mean: Tensor
    labels: Tensor
    examples: Callable[[int], Tensor]


class Model(nn.Module, ABC):
    """A latent-variable model p(x, z) with an amortised posterior q(z|x).

    Context: `config`, the params; the `event_shape` of an observation; `classes`, how many labels the data
    set has; the `scaling` of its values.

    Attributes:
        event_shape: shape of one observation.
        scaling: how what it observes comes from the values of the data.
        latent_dim: dimensions of the z that `decode` takes.
        classes: how many labels the model is conditioned on; 0 where it models x alone.
        likelihood: what turns the decoder's output into p(x|z).
        config: the params that it was trained with, where it comes from a checkpoint.
        columns: names of the values of a row, where it comes from a checkpoint of a table.
        trained_on: the `Prepared.identity` of the data that it was trained on, where it comes from a
            checkpoint.
        reads: what it reads of the params: `latent_dim`, the sections from which it builds the part that they
            name, and options that it reads whatever part is named.
    """

    reads: ClassVar[tuple[str, ...]] = ("latent_dim", "network", "posterior", "prior", "likelihood")

    event_shape: EventShape
    latent_dim: int
    classes: int = 0
    likelihood: Likelihood
    config: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    trained_on: Mapping[str, str] = MappingProxyType({})

    def __init__(self, event_shape: EventShape, scaling: AnyScaling = BYTES) -> None:
        super().__init__()
        self.event_shape, self.scaling = event_shape, scaling

    @abstractmethod
    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns the stochastic layers with k draws of each, the one that the decoder takes first.

        All draws are made of `noise`, which is asked for [k, B, …] (or [1, B, …]), in the same order and
        shapes at each call with as many observations and draws.
        """

    @abstractmethod
    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event `event_shape`."""

    @abstractmethod
    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z) [...], and p(x|z), for z as `prior_sample` gives it: all layers side by side."""

    @abstractmethod
    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns draws of all layers from p(z) side by side, without a gradient: [*shape, d_1 + … + d_L].

        At another temperature than 1 each is narrower or wider than p, see `distributions.tempering`.
        """

    @abstractmethod
    def sample(self, n: int) -> Tensor:
        """Returns n observations, [n, *event_shape]: the mean of p(x|z) at z ~ p(z)."""

    def infer(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> Inference:
        """Returns all layers with k draws of each, and p(x|z), for x [B, *event_shape]."""
        layers = self.layers(x, k, noise)
        return Inference(layers, self.conditioned(x).decode(layers[0].sample))

    def conditioned(self, x: Observations) -> Generative:  # noqa: ARG002
        """Returns p(x, z) given the labels of x, for a model that is conditioned on them: here the model."""
        return self

    def start_at(self, start: StartingPoint) -> None:
        """Sets what can be set from the training data before training; raises VaelineError for too few."""

    def measures(self, means: Tensor) -> dict[str, float]:  # noqa: ARG002
        """Returns further measures by name, of the latent means [N, d] of a data set; here none."""
        return {}
