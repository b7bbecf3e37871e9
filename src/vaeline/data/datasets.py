"""The data sets. A new one is a file with a `DataSet`, and a row here."""

from vaeline.data.dataset import DataOptions
from vaeline.data.digits import Digits
from vaeline.data.fashion_mnist import FashionMnist
from vaeline.data.kmnist import KMnist
from vaeline.data.mnist import Mnist
from vaeline.data.sprites import Sprites
from vaeline.registry import Table

DATASETS = (
    Table("data", shared=DataOptions)
    .add("mnist", Mnist)
    .add("fashion_mnist", FashionMnist)
    .add("kmnist", KMnist)
    .add("digits", Digits)
    .add("sprites", Sprites)
)
