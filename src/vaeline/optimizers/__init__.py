"""How a gradient moves the weights."""

from vaeline.optimizers.adam import Adam
from vaeline.optimizers.adam_burda import AdamBurda
from vaeline.optimizers.soap import Soap
from vaeline.registry import Table

OPTIMIZERS = Table("optimizer").add("adam", Adam).add("adam_burda", AdamBurda).add("soap", Soap)
