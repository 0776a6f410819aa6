"""Graph mode: `jit` traces a function, simplifies what it computes, and runs that as one program."""
from .control import cond, fori_loop, scan, switch, while_loop
from .ir import Graph
from .jit import JitFunction, jit, make_graph

__all__ = ["Graph", "JitFunction", "cond", "fori_loop", "jit", "make_graph", "scan", "switch", "while_loop"]
