"""The data sets. A new one is a file with a `DataSet`, and a row here."""

from vaeline.data.celeba import CelebA
from vaeline.data.cifar10 import Cifar10
from vaeline.data.dataset import DataOptions
from vaeline.data.digits import Digits
from vaeline.data.fashion_mnist import FashionMnist
from vaeline.data.image_folder import ImageFolder
from vaeline.data.kmnist import KMnist
from vaeline.data.mnist import Mnist
from vaeline.data.omniglot import Omniglot
from vaeline.data.photo_patches import PhotoPatches
from vaeline.data.sprites import Sprites
from vaeline.data.svhn import Svhn
from vaeline.registry import Table

DATASETS = (
    Table("data", shared=DataOptions)
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
    .add("photo_patches", PhotoPatches)
)
