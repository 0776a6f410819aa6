"""Graph mode: `jit` traces a function, simplifies what it computes, and runs that as one program."""
from .ir import Graph
from .jit import JitFunction, jit, make_graph

__all__ = ["Graph", "JitFunction", "jit", "make_graph"]
