"""What a training is made of, and what it takes to go on with it."""

from dataclasses import dataclass, field
from typing import Any, Self

from vaeline.models.contracts import Model
from vaeline.training.objectives.objective import Objective
from vaeline.training.optimizers.catalog import OPTIMIZERS
from vaeline.training.optimizers.skipping import SkippingOptimizer
from vaeline.training.params import OptimizerParams
from vaeline.training.schedules.learning_rate import LearningRate
from vaeline.training.schedules.patience import EarlyStopping
from vaeline.training.steps.accumulation import updates_in_epoch
from vaeline.training.steps.averaging import WeightAverage
from vaeline.training.steps.monitor import Monitor

POSITION = ("epoch", "step", "skipped")


@dataclass
class Training:
    """Everything that changes while a model trains; `state_dict` is enough to resume bit for bit.

    `seconds`, the time spent in epochs, is not part of it: no two trainings have the same.
    """

    model: Model
    objective: Objective
    optimizer: SkippingOptimizer
    learning_rate: LearningRate
    stopping: EarlyStopping
    average: WeightAverage | None
    monitor: Monitor = field(default_factory=Monitor)
    epoch: int = 0
    step: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @classmethod
    def start(cls, model: Model, objective: Objective, params: OptimizerParams, n_images: int) -> Self:
        """Returns a training on that many images, at its first step."""
        # First of all, since an optimizer's state is loaded to where its weights are.
        objective.to(next(model.parameters()).device)
        of_both = list(model.parameters()), list(objective.learned().values())
        optimizer = OPTIMIZERS.build(
            params.optimizer,
            parameters=[{"params": parameters} for parameters in of_both if parameters],
            learning_rate=params.learning_rate,
            weight_decay=params.weight_decay,
        )
        updates = updates_in_epoch(n_images, params.batch_size, params.accumulate)
        learning_rate = LearningRate(optimizer, params, updates)
        average = WeightAverage(model, params.ema_decay) if params.ema_decay else None
        return cls(model, objective, optimizer, learning_rate, EarlyStopping(params), average)

    @property
    def evaluated(self) -> Model:
        """The model that is validated and used after training: with averaged weights if there are any."""
        return self.average.model if self.average else self.model

    def state_dict(self) -> dict[str, Any]:
        """Returns the state, in types that `torch.load(weights_only=True)` reads.

        `model` has the weights that are evaluated; `trained` those that are updated, where they are others.
        """
        state = {
            "model": self.evaluated.state_dict(),
            "objective": self.objective.learned_state(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.learning_rate.schedule.state_dict(),
            "stopping": self.stopping.state_dict(),
            "monitor": self.monitor.state_dict(),
            "position": {name: getattr(self, name) for name in POSITION},
        }
        if self.average:
            state |= {"trained": self.model.state_dict(), "average": self.average.state_dict()}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts the training back to where `state_dict` found it."""
        self.model.load_state_dict(state["trained" if self.average else "model"])
        if self.average:
            self.average.load_state_dict(state["average"], state["model"])
        self.objective.load_learned_state(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.learning_rate.schedule.load_state_dict(state["schedule"])
        self.stopping.load_state_dict(state["stopping"])
        self.monitor.load_state_dict(state["monitor"])
        for name in POSITION:
            setattr(self, name, state["position"][name])
