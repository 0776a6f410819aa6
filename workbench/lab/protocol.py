"""The messages between kernel and views as dataclasses, made from ``protocol.json``.

``TO_VIEW`` and ``TO_KERNEL`` hold one class per message, with the fields of the schema. `Message.pack` gives what a comm
sends: JSON and binary buffers, checked against the shapes that the schema announces. `read` turns what a view sent
into a message, or raises `ProtocolError`.
"""
from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.errors import WorkbenchError

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "protocol.json").read_text(encoding="utf-8"))
VERSION: int = SCHEMA["version"]
TARGETS: dict[str, str] = SCHEMA["x-targets"]
MIME = "application/vnd.workbench.view+json"

_DTYPES = {"f8": "<f8", "f4": "<f4", "u4": "<u4", "u1": "u1"}
_JSON_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
               "null": type(None)}


class ProtocolError(WorkbenchError, ValueError):
    """A message does not have the form that the schema gives it."""


@dataclasses.dataclass
class Message:
    """Base of the messages; ``arrays`` holds the binary buffers in the order of the schema."""

    op: ClassVar[str]
    buffers: ClassVar[list[str]]

    def data(self) -> dict[str, Any]:
        """The JSON part."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "arrays"}
        return {"op": self.op, **fields}

    def pack(self) -> tuple[dict[str, Any], list[bytes]]:
        """JSON part and buffers."""
        data = self.data()
        packed = []
        specs = [_spec(text) for text in self.buffers]
        for index, array in enumerate(getattr(self, "arrays", ())):
            dtype, shape, repeats = specs[min(index, len(specs) - 1)]
            block = np.ascontiguousarray(array, _DTYPES[dtype])
            if not repeats and block.size != _size(shape, data):
                raise ProtocolError(f"{self.op}: buffer {index} has {block.size} numbers, its shape {shape} asks for {_size(shape, data)}")
            packed.append(block.tobytes())
        return data, packed


def _spec(text: str) -> tuple[str, list[str], bool]:
    """``"values:f4[names,n]"`` as dtype, shape, and whether it stands for any number of buffers."""
    _, _, kind = text.partition(":")
    dtype, _, shape = kind.partition("[")
    return dtype, [part for part in shape.rstrip("]*").split(",") if part], text.endswith("*")


def _size(shape: list[str], data: dict[str, Any]) -> int:
    lengths = (data.get(part, part) for part in shape)
    return math.prod(len(v) if isinstance(v, (list, tuple)) else int(v) for v in lengths)


def _make(op: str, spec: dict[str, Any]) -> type[Message]:
    fields: list[Any] = [(name, Any) for name in spec["properties"] if name != "op"]
    if spec.get("x-buffers"):
        fields.append(("arrays", list, dataclasses.field(default_factory=list)))
    namespace = {"op": op, "buffers": spec.get("x-buffers", []), "__doc__": spec["description"]}
    return dataclasses.make_dataclass(op.capitalize(), fields, bases=(Message,), namespace=namespace)


TO_VIEW: dict[str, type[Message]] = {op: _make(op, spec) for op, spec in SCHEMA["toView"].items()}
TO_KERNEL: dict[str, type[Message]] = {op: _make(op, spec) for op, spec in SCHEMA["toKernel"].items()}


def read(content: Any) -> Message:
    """The message a view sent; raises ProtocolError unless it has the form of the schema."""
    if not isinstance(content, dict) or content.get("op") not in TO_KERNEL:
        raise ProtocolError(f"not a message for the kernel: {content!r:.200}")
    op = content["op"]
    properties = SCHEMA["toKernel"][op]["properties"]
    values = {}
    for name, rule in properties.items():
        if name == "op":
            continue
        if name not in content:
            raise ProtocolError(f"{op}: field {name!r} is missing")
        _check(f"{op}.{name}", content[name], rule)
        values[name] = content[name]
    return TO_KERNEL[op](**values)


def _check(where: str, value: Any, rule: dict[str, Any]) -> None:
    rule = SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    if "enum" in rule and value not in rule["enum"]:
        raise ProtocolError(f"{where} is {value!r:.100}; expected one of {', '.join(rule['enum'])}")
    kind = rule.get("type")
    if kind is not None and (not isinstance(value, _JSON_TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        raise ProtocolError(f"{where} is {value!r:.100}; expected {kind}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ProtocolError(f"{where} is {value}; expected a finite number")
    for item in value if kind == "array" else ():
        _check(f"{where}[]", item, rule["items"])
