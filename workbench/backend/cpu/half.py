"""Half precision to float32 and back, sixteen numbers at a time: NumPy takes float16 one by one, and ml_dtypes bfloat16.

bfloat16 is the upper half of a float32. Rounding is done on its bits, to even, and not by the processor's instruction, which
takes the smallest numbers for zero.
"""
from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

from .cache import build, machine

PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.py_object, ctypes.py_object, ctypes.c_int64)
WIDTH = 16
DATA = object.__basicsize__
"""Where an array keeps the address of its numbers, in a layout that NumPy promises."""
LOOP = """
define void @{name}(ptr %from, ptr %to, i64 %size) {{
entry:
  %source_field = getelementptr i8, ptr %from, i64 {data}
  %source = load ptr, ptr %source_field
  %target_field = getelementptr i8, ptr %to, i64 {data}
  %target = load ptr, ptr %target_field
  %whole = and i64 %size, -{width}
  %some = icmp sgt i64 %whole, 0
  br i1 %some, label %vectors, label %check
vectors:
  %i = phi i64 [ 0, %entry ], [ %i.next, %vectors ]
  %p = getelementptr {element}, ptr %source, i64 %i
  %x = load <{width} x {element}>, ptr %p, align 1
{vector}
  %q = getelementptr {result}, ptr %target, i64 %i
  store <{width} x {result}> %o, ptr %q, align 1
  %i.next = add i64 %i, {width}
  %more = icmp slt i64 %i.next, %whole
  br i1 %more, label %vectors, label %check
check:
  %left = icmp slt i64 %whole, %size
  br i1 %left, label %numbers, label %end
numbers:
  %j = phi i64 [ %whole, %check ], [ %j.next, %numbers ]
  %p1 = getelementptr {element}, ptr %source, i64 %j
  %x1 = load {element}, ptr %p1, align 1
{number}
  %q1 = getelementptr {result}, ptr %target, i64 %j
  store {result} %o1, ptr %q1, align 1
  %j.next = add i64 %j, 1
  %rest = icmp slt i64 %j.next, %size
  br i1 %rest, label %numbers, label %end
end:
  ret void
}}
"""
BODIES = {
    ("float16", "widen"): ("half", "float", "  %o# = fpext {half} %x# to {float}"),
    ("float16", "narrow"): ("float", "half", "  %o# = fptrunc {float} %x# to {half}"),
    ("bfloat16", "widen"): ("i16", "float", """
  %a# = zext {i16} %x# to {i32}
  %b# = shl {i32} %a#, {splat 16}
  %o# = bitcast {i32} %b# to {float}"""),
    ("bfloat16", "narrow"): ("float", "i16", """
  %a# = bitcast {float} %x# to {i32}
  %upper# = lshr {i32} %a#, {splat 16}
  %odd# = and {i32} %upper#, {splat 1}
  %b# = add {i32} %a#, {splat 32767}
  %c# = add {i32} %b#, %odd#
  %d# = lshr {i32} %c#, {splat 16}
  %nan# = fcmp uno {float} %x#, %x#
  %quiet# = or {i32} %upper#, {splat 64}
  %e# = select {i1} %nan#, {i32} %quiet#, {i32} %d#
  %o# = trunc {i32} %e# to {i16}"""),
}
"""Elements before and after, and one conversion: ``#`` tells a vector's names from a number's."""


def _written(dtype: str, way: str) -> str:
    element, result, body = BODIES[dtype, way]

    def spelled(vector: bool) -> str:
        text = body.replace("#", "" if vector else "1")
        for kind in ("half", "float", "i1", "i16", "i32"):
            text = text.replace(f"{{{kind}}}", f"<{WIDTH} x {kind}>" if vector else kind)
        for number in (1, 16, 64, 32767):
            text = text.replace(f"{{splat {number}}}", f"splat (i32 {number})" if vector else str(number))
        return text

    return LOOP.format(name=way, data=DATA, width=WIDTH, element=element, result=result, vector=spelled(True), number=spelled(False))


@functools.cache
def converter(dtype: str, way: str) -> Callable[..., None] | None:
    """``function(from, to, size)`` on arrays without gaps, to float32 ("widen") or from it ("narrow"); None where the processor has no float16.

    Examples
    --------
    >>> import numpy as np
    >>> x, o = np.arange(20, dtype="float32"), np.empty(20, "uint16")
    >>> converter("bfloat16", "narrow")(x, o, 20)
    >>> o[:3].tolist()
    [0, 16256, 16384]
    """
    if dtype == "float16" and not _knows_float16():
        return None

    def load(code: bytes, from_disk: bool) -> Callable[..., None]:
        kept, addresses = machine().link(code, (way,))
        function = PROTOTYPE(addresses[way])
        function.code = kept  # whoever keeps the function keeps the memory it lies in
        return function

    return build(_written(dtype, way), load)


def _knows_float16() -> bool:
    host = machine()
    return "+f16c" in host.features or "aarch64" in host.identity or "arm64" in host.identity
