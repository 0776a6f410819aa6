"""Real data that is already on the machine: scikit-learn's small sets, and the text of Python's own documentation."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.recorded import recorded
from .dataset import TensorDataset
from .text.corpus import CharCorpus


@recorded
def digits() -> TensorDataset:
    """1,797 handwritten digits: images (1, 8, 8) between 0 and 1, labels 0 to 9 (Alpaydin and Kaynak 1998).

    Examples
    --------
    >>> import workbench as wb
    >>> x, y = wb.data.digits()[0]
    >>> x.shape, y.item()
    ((1, 8, 8), 0)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)[:, None]
    return TensorDataset(images, bunch.target.astype(np.int64), name="digits", classes=[str(n) for n in range(10)])


def _table(name: str, standardize: bool, target_type: Any) -> TensorDataset:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    columns = bunch.data
    if standardize:
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    classes = [str(kind) for kind in getattr(bunch, "target_names", ())] if target_type is np.int64 else []
    target = bunch.target.astype(target_type)
    return TensorDataset(columns.astype(np.float32), target if target_type is np.int64 else target[:, None], name=name, classes=classes)


@recorded
def iris(standardize: bool = True) -> TensorDataset:
    """150 flowers: 4 measurements, 3 species (Fisher 1936).

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.iris()
    >>> len(data), data[0][0].shape
    (150, (4,))
    """
    return _table("iris", standardize, np.int64)


@recorded
def wine(standardize: bool = True) -> TensorDataset:
    """178 wines: 13 measurements, 3 cultivars (Forina et al. 1991).

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.wine()
    >>> len(data), data[0][0].shape
    (178, (13,))
    """
    return _table("wine", standardize, np.int64)


@recorded
def breast_cancer(standardize: bool = True) -> TensorDataset:
    """569 biopsies: 30 measurements, malignant (0) or benign (1) (Street et al. 1993).

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.breast_cancer()
    >>> len(data), data[0][0].shape
    (569, (30,))
    """
    return _table("breast_cancer", standardize, np.int64)


@recorded
def diabetes(standardize: bool = True) -> TensorDataset:
    """442 patients: 10 measurements, progression after a year as (n, 1) (Efron et al. 2004).

    Examples
    --------
    >>> import workbench as wb
    >>> data = wb.data.diabetes()
    >>> len(data), data[0][0].shape
    (442, (10,))
    """
    return _table("diabetes", standardize, np.float32)


@recorded
def stdlib_text() -> CharCorpus:
    """About 450,000 characters of English: the reference topics that come with Python (`pydoc_data`).

    Examples
    --------
    >>> import workbench as wb
    >>> len(wb.data.stdlib_text()) > 100_000
    True
    """
    from pydoc_data.topics import topics

    return CharCorpus("\n\n".join(topics[name] for name in sorted(topics)), "Python's documentation")
