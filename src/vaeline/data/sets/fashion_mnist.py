"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 70,000 pictures of clothing, 28×28."""

from vaeline.data.reading.idx import IdxSet
from vaeline.data.reading.sources import TorchvisionMirrors


class FashionMnist(IdxSet):
    """10 kinds of clothing; 60,000 training images (50,000 / 10,000 by default) and 10,000 test images."""

    name = "fashion_mnist"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    train_size = 50_000
    valid_size = 10_000
    mirrors = TorchvisionMirrors("FashionMNIST")
