"""C expressions of op declarations as IR: parsed once with Python's own parser, built on values.

``&&``, ``||`` and ``!`` are the only operators whose spelling differs between the two languages.
"""
from __future__ import annotations

import ast
import functools
import re
from typing import Any

from .values import Value, maximum, minimum
from .vectormath import FUNCTIONS

_ARITHMETIC = {ast.Add: "__add__", ast.Sub: "__sub__", ast.Mult: "__mul__", ast.Div: "__truediv__", ast.BitAnd: "__and__", ast.BitOr: "__or__",
               ast.BitXor: "__xor__"}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_WHOLE = {"max", "min", "where", "cast"}
"""Functions that integers have too."""


@functools.cache
def parse(expression: str) -> ast.expr:
    """The syntax tree of a C expression in ``{0}, {1}...``."""
    text = re.sub(r"\{(\d)\}", r"_\1", expression).replace("&&", " and ").replace("||", " or ")
    return ast.parse(re.sub(r"!(?!=)", " not ", text).strip(), mode="eval").body


@functools.cache
def supports(expression: str, dtype: str) -> bool:
    """Can `expression` be compiled for numbers of this dtype?"""
    try:
        nodes = list(ast.walk(parse(expression)))
    except SyntaxError:
        return False
    called = {node.func.id for node in nodes if isinstance(node, ast.Call)}
    operators = {type(node.op) for node in nodes if isinstance(node, ast.BinOp)}
    if dtype in ("float32", "float64"):
        return called <= FUNCTIONS.keys() | _WHOLE and operators <= _ARITHMETIC.keys() - {ast.BitAnd, ast.BitOr, ast.BitXor}
    subtracts = any(isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) for node in nodes) or ast.Sub in operators
    return called <= _WHOLE and ast.Div not in operators and operators <= _ARITHMETIC.keys() and not (dtype == "bool" and subtracts)


def build(expression: str, operands: list[Value], dtype: str) -> Value:
    """The value of an expression; numbers in it take the dtype of what they meet."""
    return _Builder(operands, dtype).visit(parse(expression)).to(dtype)


class _Builder(ast.NodeVisitor):
    def __init__(self, operands: list[Value], dtype: str) -> None:
        self.operands, self.dtype = operands, dtype

    def visit_Name(self, node: ast.Name) -> Value:
        return self.operands[int(node.id[1:])]

    def visit_Constant(self, node: ast.Constant) -> Value:
        like = next((o for o in self.operands if o.dtype != "bool"), self.operands[0])
        return like.constant(node.value)

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self._alike(self.visit(node.left), self.visit(node.right))
        return getattr(left, _ARITHMETIC[type(node.op)])(right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        value = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return value.compare("==", 0)
        return -value if isinstance(node.op, ast.USub) else ~value

    def visit_Compare(self, node: ast.Compare) -> Value:
        left, right = self._alike(self.visit(node.left), self.visit(node.comparators[0]))
        return left.compare(_COMPARE[type(node.ops[0])], right)

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        first, second = (self.visit(value).to("bool") for value in node.values)
        return first & second if isinstance(node.op, ast.And) else first | second

    def visit_Call(self, node: ast.Call) -> Value:
        name, arguments = node.func.id, [self.visit(argument) for argument in node.args]
        if name == "cast":
            return arguments[0].to(self.dtype)
        if name == "where":
            return arguments[0].to("bool").where(*self._alike(arguments[1], arguments[2]))
        if name in ("max", "min"):
            return (maximum if name == "max" else minimum)(*self._alike(*arguments))
        return FUNCTIONS[name](*arguments)

    def _alike(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Two values in one dtype: a bool takes part as a number, as in C."""
        if left.dtype == right.dtype:
            return (left.to("int32"), right.to("int32")) if left.dtype == "bool" and self.dtype not in ("bool",) else (left, right)
        return (left.to(right.dtype), right) if left.dtype == "bool" else (left, right.to(left.dtype))

    def generic_visit(self, node: Any) -> Any:
        raise SyntaxError(f"{type(node).__name__} has no place in the C expression of an op")
