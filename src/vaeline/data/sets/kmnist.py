"""Kuzushiji-MNIST (Clanuwat et al. 2018): 70,000 cursive Japanese characters, 28×28."""

from vaeline.data.reading.idx import IdxSet
from vaeline.data.reading.sources import TorchvisionMirrors


class KMnist(IdxSet):
    """10 hiragana; 60,000 training images (50,000 / 10,000 by default) and 10,000 test images."""

    name = "kmnist"
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    train_size = 50_000
    valid_size = 10_000
    mirrors = TorchvisionMirrors("KMNIST")
