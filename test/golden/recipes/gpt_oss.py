from functools import partial

import torch
from transformers import GptOssConfig, GptOssForCausalLM

from common import TOKENS, Recipe
from recipes.llama import sites
from recipes.moe import clear_choices, mixture_sites


def gpt_oss():
    # The first layer sees three keys; bounds that gates and linear branches reach; wavelengths stretched from 16 positions.
    return GptOssForCausalLM(GptOssConfig(
        **TOKENS, hidden_size=16, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=6, num_local_experts=4, num_experts_per_tok=2, sliding_window=3, max_position_embeddings=128, swiglu_limit=1.0,
        swiglu_alpha=1.5, rope_parameters={"rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "beta_fast": 4.0,
                                           "beta_slow": 0.5, "truncate": False, "original_max_position_embeddings": 16}))


def spread(name, shape):
    """Sinks of the order of scores; stacks of experts are [expert, in, out]."""
    if name.endswith("sinks"):
        return 0.0, 1.5
    if name.endswith(("gate_up_proj", "down_proj")):
        return 0.0, round(2.0 * shape[1] ** -0.5, 6)
    return (0.0, 0.4) if name.endswith(("_proj_bias", ".bias")) else None


def expert_output(experts, expert, x):
    hidden = experts._apply_gate(x @ experts.gate_up_proj[expert] + experts.gate_up_proj_bias[expert])
    return hidden @ experts.down_proj[expert] + experts.down_proj_bias[expert]


def beside_sink(sites, at, attn):
    """Probabilities of keys beside that of the head's sink, which becomes a site."""
    def normalise(scores):
        sinks = attn.sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        joint = torch.cat([scores, sinks], -1).softmax(-1)
        sites[at + "attn.sink"] = joint[..., -1:]
        return joint[..., :-1]

    return dict(normalise=normalise)


gpt_oss_sites = partial(sites, feed_forward=partial(mixture_sites, router="router", output=expert_output),
                        normaliser=beside_sink)

RECIPES = [Recipe("gpt-oss", gpt_oss, gpt_oss_sites, spread=spread, accepts=partial(clear_choices, router="router"))]
