from functools import partial

from transformers import (GraniteConfig, GraniteForCausalLM, MistralConfig, MistralForCausalLM, Olmo2Config, Olmo2ForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

from common import TOKENS, Recipe
from recipes.llama import as_transformers_4, sites

SIZES = dict(**TOKENS, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64)


def mistral():
    # A window of 4 in every layer; dHead is not dModel / nHeads.
    return MistralForCausalLM(MistralConfig(**SIZES, head_dim=6, sliding_window=4))


def qwen2():
    return Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True))


def qwen2_window():
    # The first layer sees all, the others three keys.
    return Qwen2ForCausalLM(Qwen2Config(**SIZES | dict(num_hidden_layers=3, hidden_size=12, num_attention_heads=2,
                                                       num_key_value_heads=1),
                                        use_sliding_window=True, sliding_window=3, max_window_layers=1))


def qwen3():
    return Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=6, attention_bias=True))


def smollm3():
    # The second layer knows no positions and sees four keys.
    return SmolLM3ForCausalLM(SmolLM3Config(**SIZES, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=4))


def granite():
    return GraniteForCausalLM(GraniteConfig(
        **SIZES, embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.5, logits_scaling=2.0,
        attention_bias=True, mlp_bias=True))


def olmo2():
    return Olmo2ForCausalLM(Olmo2Config(**SIZES))


post_norm_sites = partial(sites, norms=dict(ln1_post="post_attention_layernorm", ln2_post="post_feedforward_layernorm"))


def without_layer_types(config):
    """As transformers 4 wrote it before it listed the kinds of layers."""
    config.pop("layer_types")
    return as_transformers_4(config)


RECIPES = [
    Recipe("mistral", mistral, sites, config=as_transformers_4),
    Recipe("qwen2", qwen2, sites, config=without_layer_types),
    Recipe("qwen2-window", qwen2_window, sites),
    Recipe("qwen3", qwen3, sites),
    Recipe("smollm3", smollm3, sites),
    Recipe("granite", granite, sites),
    Recipe("olmo2", olmo2, post_norm_sites),
]
