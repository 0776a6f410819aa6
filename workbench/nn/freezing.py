"""Which parameters are trained: all or none of them, or those that a pattern names."""
from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError


class Freezable:
    """The part of a module that says which of its parameters are trained."""

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Train (or freeze) every parameter; returns itself."""
        for parameter in self.parameters():
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
        return self

    def freeze(self, *patterns: str) -> list[str]:
        """Stop training the parameters that `patterns` name; without any, all.

        Parameters
        ----------
        *patterns : str
            A parameter (``"head.bias"``), a module with all it holds (``"backbone"``), or either with ``*``, ``?`` and ``[abc]``
            in it, as in a shell: ``"*.bias"``, ``"blocks.[012]"``. A star goes across dots.

        Returns
        -------
        list of str
            Names of the parameters that were matched, frozen before or not.

        Raises
        ------
        ArgumentError
            If a pattern matches nothing; nothing is changed then.

        Notes
        -----
        Frozen are parameters, not buffers: batch normalization keeps counting in training mode; call ``eval()`` on it too.

        Examples
        --------
        >>> import workbench as wb
        >>> model = wb.nn.Sequential(wb.nn.Linear(2, 2), wb.nn.Linear(2, 1))
        >>> model.freeze("0", "*.bias")
        ['0.weight', '0.bias', '1.bias']
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['1.weight']
        """
        return self._set_trained("freeze", patterns, False)

    def unfreeze(self, *patterns: str) -> list[str]:
        """Train the parameters that `patterns` name (see `freeze`) again; without any, all."""
        return self._set_trained("unfreeze", patterns, True)

    def _set_trained(self, what: str, patterns: tuple[str, ...], trained: bool) -> list[str]:
        parameters = dict(self.named_parameters(remove_duplicate=False))
        modules = [path for path, _ in self.named_modules(remove_duplicate=False) if path]
        chosen: dict[str, Tensor] = {} if patterns else parameters
        for pattern in patterns:
            holders = tuple(f"{path}." for path in modules if fnmatchcase(path, pattern))
            found = {name: p for name, p in parameters.items() if fnmatchcase(name, pattern) or name.startswith(holders)}
            if not found:
                raise ArgumentError(f"{what}: no parameter or module is called {pattern!r}; {_nearest(pattern, [*modules, *parameters])}")
            chosen |= found
        for parameter in chosen.values():
            parameter.requires_grad_(trained)
        return [name for name in parameters if name in chosen]


def _nearest(pattern: str, names: list[str]) -> str:
    near = difflib.get_close_matches(pattern.strip("*."), names, 5, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
