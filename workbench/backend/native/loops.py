"""A `Loop` as a function in LLVM's IR: nested counters, one straight body, reductions in registers where they can be.

Arrays come as Python objects; the entry point reads the address of their memory from the object itself, which makes a
call as cheap as ctypes allows, and passes it on to a body whose pointers are known not to overlap.
"""
from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import expression
from .plan import Literal, Loop, Nest, Reduction, nest_of
from .values import F64, I8, I64, TYPES, Value, constant, maximum, minimum

DATA_AT = 16
"""Bytes from the start of an array object to the address of its memory (CPython's header is two words)."""
VOID, POINTER = ir.VoidType(), ir.PointerType()
_START = {"sum": 0, "prod": 1, "any": 0, "all": 1, "max": float("-inf"), "min": float("inf")}


def module_of(loop: Loop, name: str) -> ir.Module:
    """The IR of a loop: a body and its entry point `name`."""
    module = ir.Module(name)
    arrays = len(loop.operands) + len(loop.stores) + len(loop.reductions)
    body = ir.Function(module, ir.FunctionType(VOID, [POINTER] * arrays), f"{name}_body")
    body.linkage = "internal"
    body.attributes.add("noinline")
    for argument in body.args:
        argument.add_attribute("noalias")
    _Body(loop, body).write()
    entry = ir.Function(module, ir.FunctionType(VOID, [POINTER] * arrays), name)
    builder = ir.IRBuilder(entry.append_basic_block())
    builder.call(body, [builder.load(builder.gep(a, [ir.Constant(I64, DATA_AT)], source_etype=I8), typ=POINTER) for a in entry.args])
    builder.ret_void()
    return module


class _Body:
    """Writes one loop nest into a function."""

    def __init__(self, loop: Loop, function: ir.Function) -> None:
        self.loop, self.nest, self.function = loop, nest_of(loop), function
        count, stores = len(loop.operands), len(loop.stores)
        self.inputs, self.outputs, self.reduced = function.args[:count], function.args[count: count + stores], function.args[count + stores:]
        self.builder = ir.IRBuilder(function.append_basic_block("start"))

    def write(self) -> None:
        """Start the reductions, run through all indices, return."""
        for argument, reduction, strides in zip(self.reduced, self.loop.reductions, self.nest.reductions, strict=True):
            self._fill(argument, reduction, strides)
        self._axis(0, [])
        self.builder.ret_void()

    def _fill(self, argument: ir.Argument, reduction: Reduction, strides: tuple[int, ...]) -> None:
        size = 1
        for length, step in zip(self.nest.shape, strides, strict=True):
            size *= length if step else 1
        with _counting(self.builder, size) as index:
            self._put(argument, index, start_of(self.builder, reduction))

    def _axis(self, axis: int, indices: list[ir.Value]) -> None:
        length = self.nest.shape[axis]
        if axis < len(self.nest.shape) - 1:
            with _counting(self.builder, length) as index:
                self._axis(axis + 1, [*indices, index])
            return
        places = [self._offset(strides, indices) for strides in (*self.nest.operands, self.nest.store, *self.nest.reductions)]
        totals = [self._register(r) if not s[-1] else None for r, s in zip(self.loop.reductions, self.nest.reductions, strict=True)]
        count = len(self.nest.operands)
        fixed = [self._get(argument, place, operand.dtype) if not strides[-1] else None
                 for argument, place, operand, strides in zip(self.inputs, places, self.loop.operands, self.nest.operands, strict=False)]
        with _counting(self.builder, length) as index:
            at = lambda number, strides: self._plus(places[number], index, strides[-1])
            values = [known or self._get(argument, at(number, strides), operand.dtype) for number, (known, argument, operand, strides) in
                      enumerate(zip(fixed, self.inputs, self.loop.operands, self.nest.operands, strict=True))]
            for step in self.loop.steps:
                values.append(self._step(step, values))
            for argument, number in zip(self.outputs, self.loop.stores, strict=True):
                self._put(argument, at(count, self.nest.store), values[number])
            for number, operand in self.loop.into:
                self._put(self.inputs[operand], at(count, self.nest.store), values[number])
            for number, (reduction, total) in enumerate(zip(self.loop.reductions, totals, strict=True)):
                self._reduce(reduction, total, number, values, lambda n: at(count + 1 + n, self.nest.reductions[n]))
        for number, (reduction, total) in enumerate(zip(self.loop.reductions, totals, strict=True)):
            if total is not None:
                self._finish(reduction, total, self.reduced[number], places[count + 1 + number])

    def _step(self, step: Any, values: list[Value]) -> Value:
        given = [values[o] if not isinstance(o, Literal) else o for o in step.operands]
        like = next((v.dtype for v in given if isinstance(v, Value) and v.dtype != "bool"), None)
        like = like or ("float32" if any(isinstance(o, Literal) and isinstance(o.value, float) for o in given) else "int64")
        if step.dtype in ("float32", "float64") and "where" in step.expression:
            like = step.dtype
        operands = [v if isinstance(v, Value) else constant(self.builder, v.value, like) for v in given]
        return expression.build(step.expression, operands, step.dtype)

    def _reduce(self, reduction: Reduction, total: Any, number: int, values: list[Value], place: Any) -> None:
        value = values[reduction.value].to(reduction.dtype)
        if total is None:
            where = place(number)
            self._put(self.reduced[number], where, combine(reduction.kind, self._get(self.reduced[number], where, reduction.dtype), value))
            return
        slot, dtype = total
        held = Value(self.builder, self.builder.load(slot, typ=F64 if dtype == "float64" else _register_type(dtype)), dtype)
        self.builder.store(combine(reduction.kind, held, value.to(dtype), free=True).value, slot)

    def _register(self, reduction: Reduction) -> tuple[ir.Value, str]:
        """A running total for the innermost axis; sums of float32 run in float64."""
        dtype = "float64" if reduction.kind in ("sum", "prod") and reduction.dtype == "float32" else reduction.dtype
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(_register_type(dtype))
        self.builder.store(start_of(self.builder, reduction).to(dtype).value, slot)
        return slot, dtype

    def _finish(self, reduction: Reduction, total: tuple[ir.Value, str], argument: ir.Argument, place: ir.Value) -> None:
        slot, dtype = total
        held = Value(self.builder, self.builder.load(slot, typ=_register_type(dtype)), dtype).to(reduction.dtype)
        self._put(argument, place, combine(reduction.kind, self._get(argument, place, reduction.dtype), held))

    # ------------------------------------------------------------------ memory
    def _offset(self, strides: tuple[int, ...], indices: list[ir.Value]) -> ir.Value:
        total: ir.Value = ir.Constant(I64, 0)
        for index, step in zip(indices, strides, strict=False):
            total = self._plus(total, index, step)
        return total

    def _plus(self, place: ir.Value, index: ir.Value, step: int) -> ir.Value:
        if not step:
            return place
        return self.builder.add(place, self.builder.mul(index, ir.Constant(I64, step)) if step != 1 else index)

    def _get(self, argument: ir.Argument, place: ir.Value, dtype: str) -> Value:
        kind = TYPES[dtype]
        raw = self.builder.load(self.builder.gep(argument, [place], source_etype=kind), typ=kind)
        return Value(self.builder, self.builder.icmp_unsigned("!=", raw, ir.Constant(I8, 0)) if dtype == "bool" else raw, dtype)

    def _put(self, argument: ir.Argument, place: ir.Value, value: Value) -> None:
        raw = self.builder.zext(value.value, I8) if value.dtype == "bool" else value.value
        self.builder.store(raw, self.builder.gep(argument, [place], source_etype=TYPES[value.dtype]))


def combine(kind: str, a: Value, b: Value, *, free: bool = False) -> Value:
    """Two partial results as one; with `free` a sum may be reordered, so that it runs in several lanes."""
    if kind in ("sum", "prod") and a.is_float and free:
        method = a.builder.fadd if kind == "sum" else a.builder.fmul
        return a.of(method(a.value, b.value, flags=("reassoc", "contract")))
    return {"sum": lambda: a + b, "prod": lambda: a * b, "max": lambda: maximum(a, b), "min": lambda: minimum(a, b), "any": lambda: a | b,
            "all": lambda: a & b}[kind]()


def start_of(builder: ir.IRBuilder, reduction: Reduction) -> Value:
    """What a reduction begins with."""
    number: Any = _START[reduction.kind]
    if reduction.kind in ("max", "min") and reduction.dtype not in ("float32", "float64"):
        width = {"bool": 1, "uint8": 8, "int32": 31, "int64": 63}[reduction.dtype]
        low = 0 if reduction.dtype in ("bool", "uint8") else -(2**width)
        number = low if reduction.kind == "max" else 2**width - 1
    return constant(builder, number, reduction.dtype)


def _register_type(dtype: str) -> ir.Type:
    return ir.IntType(1) if dtype == "bool" else TYPES[dtype]


class _counting:
    """``with _counting(builder, n) as i``: a loop over 0 … n - 1."""

    def __init__(self, builder: ir.IRBuilder, count: int) -> None:
        self.builder, self.count = builder, count

    def __enter__(self) -> ir.Value:
        b = self.builder
        before, self.body, self.after = b.block, b.append_basic_block("body"), b.append_basic_block("after")
        b.cbranch(ir.Constant(ir.IntType(1), int(self.count > 0)), self.body, self.after)
        b.position_at_end(self.body)
        self.index = b.phi(I64)
        self.index.add_incoming(ir.Constant(I64, 0), before)
        return self.index

    def __exit__(self, *exc: object) -> None:
        b = self.builder
        following = b.add(self.index, ir.Constant(I64, 1), flags=("nuw", "nsw"))
        self.index.add_incoming(following, b.block)
        b.cbranch(b.icmp_unsigned("<", following, ir.Constant(I64, self.count)), self.body, self.after)
        b.position_at_end(self.after)


__all__ = ["Nest", "module_of"]
