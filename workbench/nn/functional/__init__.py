"""PyTorch's ``torch.nn.functional``: functions of tensors behind the layers, with its names and arguments.

One file per kind of function; this is their only face.
"""
from __future__ import annotations

from types import ModuleType as _File

from ...ops import (
    channel_shuffle,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    pixel_shuffle,
    pixel_unshuffle,
    scaled_dot_product_attention,
)
from ...ops.sampling import affine_grid, grid_sample
from ...ops.spatial import fold, interpolate, unfold
from ...ops.state_space import selective_scan
from .activation import (
    celu,
    elu,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from .contrast import contrastive_loss, info_nce_loss, nt_xent_loss, triplet_mining_loss
from .ctc import ctc_loss
from .dropouts import (
    alpha_dropout,
    drop_block2d,
    drop_block3d,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    gaussian_dropout,
    gaussian_noise,
    stochastic_depth,
    variational_dropout,
)
from .gates import acon, geglu, maxout, pelu, reglu, snake, squared_relu, swiglu, swish
from .heads import linear_cross_entropy
from .inplace import celu_, elu_, hardtanh_, leaky_relu_, relu_, rrelu_, selu_, threshold_
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from .maps import bilinear, embedding, embedding_bag, linear, one_hot
from .margins import (
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    pairwise_distance,
    pdist,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm
from .overlap import dice_loss, generalized_dice_loss, jaccard_loss, lovasz_hinge_loss, tversky_loss
from .padding import pad
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    fractional_max_pool2d,
    fractional_max_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from .ranking import listmle_loss, listnet_loss, pairwise_logistic_loss
from .robust import binary_focal_loss, focal_loss, hinge_loss, log_cosh_loss, quantile_loss, squared_hinge_loss
from .routing import load_balancing_loss, router_z_loss

__all__ = [name for name, value in vars().items() if not name.startswith("_") and name != "annotations" and not isinstance(value, _File)]
