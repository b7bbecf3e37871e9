"""The table of optimizers."""

from vaeline.core.registry import Table
from vaeline.training.optimizers.adam import Adam
from vaeline.training.optimizers.adam_burda import AdamBurda
from vaeline.training.optimizers.adamw import AdamW
from vaeline.training.optimizers.skipping import SkippingOptimizer
from vaeline.training.optimizers.soap import Soap

OPTIMIZERS = (
    Table[SkippingOptimizer]("optimizer")
    .add("adam", Adam)
    .add("adamw", AdamW)
    .add("adam_burda", AdamBurda)
    .add("soap", Soap)
)
