"""How long the validation ELBO may go without improving."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from vaeline.training.params import StoppingParams


@dataclass
class Patience:
    """Counts the epochs since the validation ELBO was last higher than ever before.

    Attributes:
        epochs: how many it may take; 0 is no limit.
        best: the highest ELBO so far, in nats.
        since: the epoch that counting begins after.
    """

    epochs: int
    best: float = -math.inf
    since: int = 0

    def exhausted(self, epoch: int, elbo: float) -> bool:
        """Returns whether the limit is reached at the end of `epoch`, which was validated with `elbo`."""
        if elbo > self.best:
            self.best, self.since = elbo, epoch
        return 0 < self.epochs <= epoch - self.since

    def state_dict(self) -> dict[str, Any]:
        """Returns its state, in plain values."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        vars(self).update(state)


class EarlyStopping:
    """Ends a training whose validation ELBO no longer improves, or at the epoch `stop_after`.

    Attributes:
        reason: why the training has ended before its last epoch; an empty string as long as it has not.
    """

    def __init__(self, params: StoppingParams) -> None:
        self.patience, self.stop_after = Patience(params.patience), params.stop_after
        self.reason = ""

    def observe(self, epoch: int, elbo: float) -> None:
        """Takes note of a validation."""
        if self.patience.exhausted(epoch, elbo):
            self.reason = (
                f"stopped after epoch {epoch}: the validation ELBO has not improved since epoch "
                f"{self.patience.since} (patience: {self.patience.epochs})"
            )
        elif epoch == self.stop_after:
            self.reason = f"stopped after epoch {epoch} (stop_after: {self.stop_after})"

    def state_dict(self) -> dict[str, Any]:
        """Returns its state, in plain values."""
        return {"patience": self.patience.state_dict(), "reason": self.reason}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.patience.load_state_dict(state["patience"])
        self.reason = state["reason"]
