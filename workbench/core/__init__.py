"""The engine: tensors, the tape, op records, the reverse sweep, transformations, in-place writes. Imports NumPy only."""
from . import errors, tree
from .autograd import backward
from .checkpoint import checkpoint, checkpoint_name
from .collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum, psum_scatter
from .curvature import fisher_vector_product, ggnvp, hessian_diagonal, hutchinson_trace, per_sample_grads
from .derivatives import hessian, hvp, jacfwd, jacobian, jacrev, linear_transpose, linearize, vhp
from .forward import jvp
from .interop import from_dlpack
from .printing import set_printoptions
from .reverse import grad, value_and_grad, vjp
from .rules import custom_jvp, custom_vjp
from .shards import pmap
from .spectrum import hessian_operator, lanczos, spectral_density
from .state import enable_grad, is_grad_enabled, no_grad, observing, set_grad_enabled
from .tape import Tape
from .tensor import Tensor, as_tensor, tensor
from .vectorize import vmap

__all__ = ["Tape", "Tensor", "as_tensor",
           "all_gather", "axis_index", "axis_size", "pmap", "pmax", "pmean", "pmin", "ppermute", "psum", "psum_scatter",
           "backward", "checkpoint", "checkpoint_name", "custom_jvp", "custom_vjp", "enable_grad", "errors", "fisher_vector_product", "from_dlpack",
           "ggnvp", "grad", "hessian", "hessian_diagonal", "hessian_operator", "hutchinson_trace", "hvp", "is_grad_enabled",
           "jacfwd", "jacobian", "jacrev", "jvp", "lanczos", "linear_transpose", "linearize", "no_grad", "observing", "per_sample_grads", "set_grad_enabled",
           "set_printoptions", "spectral_density",
           "tensor", "tree", "value_and_grad", "vhp", "vjp", "vmap"]
