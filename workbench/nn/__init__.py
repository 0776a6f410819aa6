"""Neural building blocks: modules, layers, losses and initial values, with PyTorch's names, arguments and state keys."""
from types import ModuleType as _File

from . import functional, hooks, init, surrogate, utils
from .activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    GeGLU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Maxout,
    Mish,
    PReLU,
    ReGLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    SquaredReLU,
    SwiGLU,
    Tanh,
    Tanhshrink,
    Threshold,
)
from .adaptive import AdaptiveLogSoftmaxWithLoss
from .attention import MultiheadAttention
from .cache import KVCache
from .cells import ConvLSTMCell, Recurrent
from .containers import ModuleDict, ModuleList, Sequential
from .conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    DepthwiseSeparableConv3d,
)
from .dropout import (
    AlphaDropout,
    DropBlock2d,
    DropBlock3d,
    DropConnect,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
    GaussianDropout,
    GaussianNoise,
    StochasticDepth,
    VariationalDropout,
)
from .embedding import Embedding, EmbeddingBag
from .experts import MixtureOfExperts, Routing, TopKRouter
from .graph_model import GraphModel
from .grouped_attention import GroupedQueryAttention
from .kfac import KroneckerFactors, kfac_factors
from .lazy import *  # noqa: F403 - one layer per row
from .learned import ACON, PELU, Snake, Swish
from .linear import Bilinear, Flatten, Identity, Linear, Unflatten
from .linear_attention import LinearAttention
from .linear_cross_entropy import LinearCrossEntropyLoss, LinearCrossEntropyOptions
from .llama import GatedMLP, LlamaBlock
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    BinaryFocalLoss,
    ContrastiveLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    CTCLoss,
    DiceLoss,
    FocalLoss,
    GaussianNLLLoss,
    GeneralizedDiceLoss,
    HingeEmbeddingLoss,
    HingeLoss,
    HuberLoss,
    InfoNCELoss,
    JaccardLoss,
    KLDivLoss,
    L1Loss,
    ListMLELoss,
    ListNetLoss,
    LogCoshLoss,
    LovaszHingeLoss,
    MarginRankingLoss,
    MSELoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    NLLLoss,
    NTXentLoss,
    PairwiseLogisticLoss,
    PoissonNLLLoss,
    QuantileLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    SquaredHingeLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
    TripletMiningLoss,
    TverskyLoss,
    loss,
)
from .model import Model
from .module import Module
from .normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
    ScaleNorm,
    SyncBatchNorm,
)
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from .parameter_containers import ParameterDict, ParameterList
from .patches import PatchEmbedding
from .positions import (
    ALiBi,
    LearnedPositionalEncoding,
    RelativePositionBias,
    RotaryEmbedding,
    SinusoidalPositionalEncoding,
)
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from .regularization import ActivityRegularization, add_auxiliary_loss, auxiliary_losses, l1_penalty, l2_penalty
from .rows import *  # noqa: F403 - one layer per row
from .spiking import IF, Leaky, Synaptic
from .state_space import S4D, Mamba, MambaState
from .stateless import functional_call, stack_module_state
from .surrogate import Surrogate
from .symbolic import Input
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

_FACES = ("functional", "hooks", "init", "surrogate", "utils")
__all__ = [name for name, value in vars().items() if not name.startswith("_") and (name in _FACES or not isinstance(value, _File))]
