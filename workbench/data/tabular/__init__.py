"""Tables: read, encoded, and made into a dataset."""
from .encoders import Encoder, MinMax, Number, OneHot, Ordinal, Quantile, Standard
from .reading import as_columns, read_csv
from .table import TableDataset, TableEncoder

__all__ = ["Encoder", "MinMax", "Number", "OneHot", "Ordinal", "Quantile", "Standard", "TableDataset", "TableEncoder", "as_columns",
           "read_csv"]
