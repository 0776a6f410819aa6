"""JSON Schema of configurations, for editors, the builder, and any other program that writes them."""
from __future__ import annotations

import collections.abc
import types
import typing
from typing import Any

from .. import registry
from ..core import Tensor
from ..registry import Entry
from .build import PARAMETRIZED
from .run import FIT, PARTS

_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"}, int: {"type": "integer"}, str: {"type": "string"}, type(None): {"type": "null"},
    float: {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
    Tensor: {"type": "object", "required": ["tensor", "dtype"]},
    collections.abc.Callable: {"type": "object", "properties": {"function": {"type": "string"}}, "required": ["function"], "additionalProperties": False},
}
_CHAIN = {"anyOf": [{"$ref": "#/$defs/parametrizations"}, {"$ref": "#/$defs/layers"}]}


def schema(kind: str | None = None) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a run's configuration, or of a kind of the registry.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.config.schema("layers")["$defs"]["layers.Dropout"]["properties"]["p"]["default"]
    0.5
    """
    definitions: dict[str, Any] = {}
    for name in registry.KINDS:
        known = registry.entries(name)
        definitions |= {f"{name}.{entry.name}": _of_entry(entry) for entry in known.values()}
        definitions[name] = {"anyOf": [{"enum": sorted(known)}, *({"$ref": f"#/$defs/{name}.{entry}"} for entry in known)]}
    whole = {"$ref": f"#/$defs/{kind}"} if kind else _of_run()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def _of_entry(entry: Entry) -> dict[str, Any]:
    parameters = {p.name: p for p in entry.parameters}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in entry.signature.parameters.values())
    properties = {name: _of_parameter(p) for name, p in parameters.items()}
    if entry.kind in ("layers", "losses"):
        properties[PARAMETRIZED] = {"type": "object", "additionalProperties": {"anyOf": [_CHAIN, {"type": "array", "items": _CHAIN}]},
                                    "description": "Parametrizations of tensors, by their paths."}
    if entry.kind == "optimizers":
        properties.setdefault("groups", {"type": "object", "additionalProperties": {"type": "object"},
                                         "description": "Settings by patterns of names of parameters."})
    return {"type": "object", "description": entry.summary, "properties": {"type": {"enum": [entry.name, f"{entry.kind}.{entry.name}"]}, **properties},
            "required": ["type", *(name for name, p in parameters.items() if p.required)], "additionalProperties": open_ended}


def _of_parameter(parameter: registry.Parameter) -> dict[str, Any]:
    found = _of_type(parameter.type)
    if parameter.variadic:
        found = {"anyOf": [{"type": "array", "items": found}, {"type": "object"}]}
    if parameter.default is None:
        found = {"anyOf": [found, {"type": "null"}]}
    if parameter.about:
        found = {**found, "description": parameter.about}
    simple = parameter.default is None or isinstance(parameter.default, (bool, int, float, str))
    return found if parameter.variadic or parameter.required or not simple else {**found, "default": parameter.default}


def _of_type(annotation: Any) -> dict[str, Any]:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or origin is typing.Union:
        return {"anyOf": [_of_type(choice) for choice in inside]}
    if origin is typing.Literal:
        return {"enum": list(inside)}
    plain = annotation if origin is None else origin
    if plain in _SIMPLE:
        return _SIMPLE[plain]
    if origin is None:
        return _of_class(annotation) if isinstance(annotation, type) else {}
    if isinstance(origin, type) and issubclass(dict, origin) and len(inside) == 2:
        return {"type": "object", "additionalProperties": _of_type(inside[1])}
    if origin is tuple and ... not in inside:
        return {"type": "array", "prefixItems": [_of_type(part) for part in inside], "minItems": len(inside), "maxItems": len(inside)}
    return {"type": "array", "items": _of_type(inside[0])} if isinstance(origin, type) and issubclass(tuple, origin) else {}


def _of_class(kind: type) -> dict[str, Any]:
    for name in ("losses", *registry.KINDS):
        if issubclass(kind, registry.base(name)):
            return {"anyOf": [{"$ref": f"#/$defs/{name}"}, *([{"$ref": "#/$defs/losses"}] if name == "layers" else [])]}
    return {}


def _of_run() -> dict[str, Any]:
    found = _of_entry(FIT)
    properties = {name: shape for name, shape in found["properties"].items() if name != "type"}
    for name, kinds in PARTS.items():
        parts = [{"$ref": f"#/$defs/{kind}"} for kind in kinds]
        properties[name] = {"anyOf": [*parts, {"type": "array", "items": {"anyOf": [*parts, {"type": "string"}]}}, {"type": ["null", "number"]},
                                      _SIMPLE[collections.abc.Callable]]}
    return {**found, "properties": properties, "required": [name for name in found["required"] if name != "type"]}
