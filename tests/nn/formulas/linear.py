"""Linear, as the smallest example of a formula's row."""
from __future__ import annotations

from tests.nn.formula import formula

ROWS = [formula("Linear", lambda w, x: x @ w["weight"].T + w["bias"], 3, 5)]
