"""Data: datasets, batches, and real sets that need no download."""
from .bundled import CharCorpus, Windows, breast_cancer, diabetes, digits, iris, stdlib_text, wine
from .dataset import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader, default_collate

__all__ = ["CharCorpus", "DataLoader", "Dataset", "Subset", "TensorDataset", "Windows", "breast_cancer", "default_collate", "diabetes",
           "digits", "iris", "random_split", "stdlib_text", "wine"]
