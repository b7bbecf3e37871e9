"""What an objective learns itself, beside the model."""

from typing import Any

from torch import nn


def learned(objective: Any) -> dict[str, nn.Parameter]:
    """Returns by name the parameters that an objective trains beside the model's: for most there are none."""
    if not isinstance(objective, nn.Module):
        return {}
    return {name: parameter for name, parameter in objective.named_parameters() if parameter.requires_grad}


def on_model_device(model: nn.Module, objective: Any) -> Any:
    """Returns the objective, with what networks it has moved to the device of the model."""
    return objective.to(next(model.parameters()).device) if isinstance(objective, nn.Module) else objective
