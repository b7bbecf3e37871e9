"""How a gradient moves the weights."""

import torch

from vaeline.core.registry import Table
from vaeline.training.optimizers.adam import Adam
from vaeline.training.optimizers.adam_burda import AdamBurda
from vaeline.training.optimizers.soap import Soap

OPTIMIZERS = (
    Table[torch.optim.Optimizer]("optimizer").add("adam", Adam).add("adam_burda", AdamBurda).add("soap", Soap)
)
