"""The table of data sets. To add one, write a file with a `DataSet` and add a row here."""

from vaeline.core.registry import Table
from vaeline.data.reading.dataset import DataOptions, DataSet
from vaeline.data.sets.arrays import Arrays
from vaeline.data.sets.celeba import CelebA
from vaeline.data.sets.cifar10 import Cifar10
from vaeline.data.sets.digits import Digits
from vaeline.data.sets.fashion_mnist import FashionMnist
from vaeline.data.sets.huggingface import HuggingFace
from vaeline.data.sets.image_folder import ImageFolder
from vaeline.data.sets.kmnist import KMnist
from vaeline.data.sets.mnist import Mnist
from vaeline.data.sets.omniglot import Omniglot
from vaeline.data.sets.photo_patches import PhotoPatches
from vaeline.data.sets.sprites import Sprites
from vaeline.data.sets.svhn import Svhn
from vaeline.data.sets.table import OwnTable

DATASETS = (
    Table[DataSet]("data", shared=DataOptions)
    .add("mnist", Mnist)
    .add("fashion_mnist", FashionMnist)
    .add("kmnist", KMnist)
    .add("omniglot", Omniglot)
    .add("cifar10", Cifar10)
    .add("svhn", Svhn)
    .add("celeba", CelebA)
    .add("digits", Digits)
    .add("sprites", Sprites)
    .add("image_folder", ImageFolder)
    .add("arrays", Arrays)
    .add("huggingface", HuggingFace)
    .add("photo_patches", PhotoPatches)
    .add("table", OwnTable)
)
