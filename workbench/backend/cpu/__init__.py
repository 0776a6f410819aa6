"""Machine code for fused loops on the CPU, made with LLVM through llvmlite, which is optional (``pip install neural-workbench[fast]``).

A `Loop` says what is computed over which arrays; `compile` makes a `Kernel` of it in milliseconds and keeps the machine
code on disk. Without llvmlite `available` is False and everything runs on NumPy.
"""
from .cache import Kernel, available, compile
from .expression import supports
from .half import converter
from .multi import Multi, compile_multi, multi_call
from .plan import Literal, Loop, Operand, Reduction, Step
from .rows import Rows, Sweep, compile_rows
from .steps import Steps, compile_steps
from .windows import filters, outputs

__all__ = ["Kernel", "Literal", "Loop", "Multi", "Operand", "Reduction", "Rows", "Step", "Steps", "Sweep", "available", "compile", "compile_multi",
           "compile_rows", "compile_steps", "converter", "filters", "multi_call", "outputs", "supports"]
