"""Sets that are downloaded once: checked, and kept in `data_home`."""
from .cifar import CIFAR10, CIFAR100
from .mnist import MNIST, FashionMNIST
from .sounds import SpeechCommands
from .texts import IMDB, tiny_shakespeare

__all__ = ["CIFAR10", "CIFAR100", "FashionMNIST", "IMDB", "MNIST", "SpeechCommands", "tiny_shakespeare"]
