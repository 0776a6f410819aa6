"""Sets that are downloaded once: checked, and kept in `data_home`."""
from .cifar import CIFAR10, CIFAR100
from .mnist import MNIST, FashionMNIST
from .texts import IMDB, tiny_shakespeare

__all__ = ["CIFAR10", "CIFAR100", "IMDB", "MNIST", "FashionMNIST", "tiny_shakespeare"]
