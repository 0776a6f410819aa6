"""Seeing inside: observers that turn a model or a run into plain data. No pictures and no Jupyter here."""
from .activations import activations
from .attention import attention
from .gradients import gradient_flow
from .graph import tape_graph, trace_graph
from .profiler import profile
from .recorder import Recorder

__all__ = ["Recorder", "activations", "attention", "gradient_flow", "profile", "tape_graph", "trace_graph"]
