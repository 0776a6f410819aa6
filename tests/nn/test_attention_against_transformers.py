"""Attention layers equal those of the models that made them known, with the weights of transformers' classes."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn

torch = pytest.importorskip("torch", reason="transformers computes with PyTorch: install the extra oracle")

pytestmark = [pytest.mark.oracle, pytest.mark.slow]  # importing transformers takes seconds
SIZES = dict(vocab_size=20, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             bos_token_id=0, eos_token_id=1, attn_implementation="eager")
X = np.random.default_rng(0).normal(size=(2, 9, 16))


@pytest.fixture
def judge():
    """transformers, imported when the first test wants it."""
    return pytest.importorskip("transformers", reason="transformers is the judge here: install the extra oracle")


class Stack(nn.Module):
    """What is inside `LlamaModel` and `MistralModel`, under the same names."""

    def __init__(self, rotary: nn.RotaryEmbedding, window: int | None):
        super().__init__()
        self.embed_tokens = nn.Embedding(20, 16)
        self.layers = nn.ModuleList([nn.LlamaBlock(16, 4, 2, 24, window=window, rotary=rotary) for _ in range(2)])
        self.norm = nn.RMSNorm(16, 1e-6)

    def forward(self, ids, caches=(None, None), mask=None):
        x = self.embed_tokens(ids)
        for layer, cache in zip(self.layers, caches, strict=True):
            x = layer(x, attn_mask=mask, cache=cache)
        return self.norm(x)


def numbers(module) -> dict[str, np.ndarray]:
    """Its state, moved away from special initial values."""
    torch.manual_seed(0)
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return {name: value.numpy() for name, value in module.state_dict().items()}


def llama(judge, **more):
    return judge.LlamaModel(judge.LlamaConfig(**SIZES, **more)).double().eval()


MODELS = {
    "llama": (llama, nn.RotaryEmbedding(4), None),
    "llama-linear": (lambda judge: llama(judge, rope_parameters={"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}),
                     nn.RotaryEmbedding(4, 500.0, factor=4.0), None),
    "mistral": (lambda judge: judge.MistralModel(judge.MistralConfig(**SIZES, sliding_window=3)).double().eval(), nn.RotaryEmbedding(4), 3),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_stack_of_blocks_is_the_model_in_value_gradient_and_decoding(name, judge):
    make, rotary, window = MODELS[name]
    theirs, mine = make(judge), Stack(rotary, window).double()
    mine.load_state_dict(numbers(theirs))
    ids = np.random.default_rng(0).integers(0, 20, (2, 9))
    wanted = theirs(torch.tensor(ids)).last_hidden_state
    found = mine(wb.tensor(ids))
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), atol=1e-5)  # theirs has norms, frequencies and softmax in float32
    (wanted ** 2).sum().backward()
    (found ** 2).sum().backward()
    for key, parameter in theirs.named_parameters():
        np.testing.assert_allclose(mine.get_parameter(key).grad.numpy(), parameter.grad.numpy(), rtol=1e-4, atol=2e-4, err_msg=key)
    caches = [nn.KVCache(window) for _ in range(2)]
    with wb.no_grad():
        steps = [mine(wb.tensor(ids[:, :4]), caches), *(mine(wb.tensor(ids[:, i:i + 1]), caches) for i in range(4, 9))]
    np.testing.assert_allclose(wb.concat(steps, 1).numpy(), wanted.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("dim", [4, 64])
@pytest.mark.parametrize("more", [{"scaling": "linear"}, {"scaling": "yarn", "trained_length": 256}, {"scaling": "llama3", "trained_length": 64},
                                  {"scaling": "llama3", "base": 500000.0}, {"scaling": "yarn", "trained_length": 4096, "base": 1000.0}], ids=str)
def test_long_texts_turn_at_the_rates_of_transformers(more, dim, judge):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rotary = nn.RotaryEmbedding(dim, factor=4.0, **more)
    scaling = {"rope_type": rotary.scaling, "rope_theta": rotary.base, "factor": 4.0, "original_max_position_embeddings": rotary.trained_length,
               "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    if rotary.scaling != "llama3":
        scaling = {key: value for key, value in scaling.items() if "freq" not in key}
    config = judge.LlamaConfig(**{**SIZES, "hidden_size": 4 * dim}, max_position_embeddings=rotary.trained_length * 4, rope_parameters=scaling)
    rates, length = ROPE_INIT_FUNCTIONS[rotary.scaling](config, "cpu")
    pairs = wb.concat([wb.ones(1, dim // 2, dtype="float64"), wb.zeros(1, dim // 2, dtype="float64")], 1)
    found = rotary(pairs, 1).numpy()[0]
    np.testing.assert_allclose(np.hypot(*found.reshape(2, -1)), length, rtol=1e-12)
    np.testing.assert_allclose(np.arctan2(found[dim // 2:], found[:dim // 2]), rates.numpy(), rtol=1e-6)


def test_padding_on_the_left_is_hidden_as_there(judge):
    theirs, mine = llama(judge).float(), Stack(nn.RotaryEmbedding(4), None)  # in float64 theirs overflows to NaN there
    mine.load_state_dict(numbers(theirs))
    ids = np.random.default_rng(0).integers(0, 20, (2, 9))
    seen = np.arange(9) >= np.array([[0], [3]])
    wanted = theirs(torch.tensor(ids), attention_mask=torch.tensor(seen)).last_hidden_state.detach().numpy()
    found = mine(wb.tensor(ids), mask=wb.tensor(seen[:, None, None])).detach().numpy()
    np.testing.assert_allclose(found[seen], wanted[seen], atol=1e-5)


@pytest.mark.parametrize("decoder", [False, True])
def test_t5_bias_and_attention(decoder, judge):
    from transformers.models.t5.modeling_t5 import T5Attention

    config = judge.T5Config(d_model=16, d_kv=5, num_heads=4, is_decoder=decoder, dropout_rate=0.0)
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double().eval()
    mine = nn.GroupedQueryAttention(16, 4, head_dim=5, scale=1.0, causal=decoder,
                                    relative_bias=nn.RelativePositionBias(4, bidirectional=not decoder)).double()
    state = {name.replace("relative_attention_bias", "relative_bias"): value for name, value in numbers(theirs).items()}
    mine.load_state_dict({name if "bias" in name else name.replace(".", "_proj."): value for name, value in state.items()})
    np.testing.assert_allclose(mine.relative_bias(200, 300).detach().numpy(), theirs.compute_bias(200, 300)[0].detach().numpy(), atol=1e-12)
    mask = torch.triu(torch.full((9, 9), -torch.inf), 1).double()[None, None] if decoder else None
    wanted = theirs(torch.tensor(X), mask=mask)[0].detach().numpy()
    np.testing.assert_allclose(mine(wb.tensor(X)).detach().numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("heads", [1, 4, 6, 12])
def test_alibi_weights_are_those_of_bloom(heads, judge):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    wanted = build_alibi_tensor(torch.ones(1, 7), heads, torch.float64)  # the same for all queries: softmax takes a constant away
    scores = torch.tensor(nn.ALiBi(heads)(7, 7).numpy().astype(np.float64)).masked_fill(torch.ones(7, 7).triu(1) > 0, -torch.inf)
    wanted = wanted.expand(heads, 7, 7).masked_fill(torch.ones(7, 7).triu(1) > 0, -torch.inf)
    np.testing.assert_allclose(torch.softmax(scores, -1), torch.softmax(wanted, -1), atol=1e-6)


def test_neighbouring_pairs_turn_as_in_gpt_j(judge):
    from transformers.models.gptj.modeling_gptj import GPTJAttention

    theirs = GPTJAttention(judge.GPTJConfig(n_embd=16, n_head=2, rotary_dim=4, attn_pdrop=0.0, resid_pdrop=0.0, bos_token_id=0, eos_token_id=1),
                           layer_idx=0).double().eval()
    mine = nn.GroupedQueryAttention(16, 2, causal=True, rotary=nn.RotaryEmbedding(4, interleaved=True)).double()
    mine.load_state_dict({name.replace("out_proj", "o_proj"): value for name, value in numbers(theirs).items()})
    mask = torch.triu(torch.full((9, 9), -torch.inf), 1).double()[None, None]
    wanted = theirs(torch.tensor(X), attention_mask=mask, position_ids=torch.arange(9)[None].expand(2, 9))[0].detach().numpy()
    np.testing.assert_allclose(mine(wb.tensor(X)).detach().numpy(), wanted, atol=1e-5)
