"""Files from the network: fetched once, checked, kept in one folder."""
from .archives import extract
from .home import data_home
from .transfer import download

__all__ = ["data_home", "download", "extract"]
