from functools import partial

import torch
from transformers import (MixtralConfig, MixtralForCausalLM, OlmoeConfig, OlmoeForCausalLM, Qwen2MoeConfig, Qwen2MoeForCausalLM,
                          Qwen3MoeConfig, Qwen3MoeForCausalLM)

from common import CLOSE, TOKENS, Recipe
from recipes.llama import as_transformers_4, gated_mlp_sites, sites

SIZES = dict(**TOKENS, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64)

# Two scores of experts that are compared are so far apart that rounding cannot change a choice.
MARGIN = 2e-3


def mixtral():
    # A window of 4 in every layer.
    return MixtralForCausalLM(MixtralConfig(**SIZES, intermediate_size=12, num_local_experts=4, num_experts_per_tok=2,
                                            sliding_window=4))


def qwen2_moe():
    # The first and the third layer have no experts: one is listed, the other left out by the step. The third has a window.
    return Qwen2MoeForCausalLM(Qwen2MoeConfig(
        **SIZES | dict(num_hidden_layers=3), intermediate_size=20, moe_intermediate_size=8,
        shared_expert_intermediate_size=12, num_experts=5, num_experts_per_tok=3, decoder_sparse_step=2, mlp_only_layers=[0],
        use_sliding_window=True, sliding_window=4, layer_types=["full_attention", "full_attention", "sliding_attention"]))


def qwen3_moe():
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(**SIZES, intermediate_size=20, moe_intermediate_size=12, num_experts=4,
                                              num_experts_per_tok=2, head_dim=6, norm_topk_prob=True))


def olmoe():
    return OlmoeForCausalLM(OlmoeConfig(**SIZES, intermediate_size=12, num_experts=5, num_experts_per_tok=2))


def by_logits(gate, logits):
    """What most routers choose by."""
    return logits


def gated_expert(experts, expert, x):
    """The output of one expert."""
    gate, up = (x @ experts.gate_up_proj[expert].T).chunk(2, dim=-1)
    return (experts.act_fn(gate) * up) @ experts.down_proj[expert].T


def no_shared(block, x):
    return None


def qwen_shared(block, x):
    """What the expert that every token uses adds."""
    return block.shared_expert_gate(x).sigmoid() * block.shared_expert(x)


def mixture_sites(sites, at, block, of, *, router="gate", score=by_logits, output=gated_expert, shared=no_shared):
    """Sites of a mixture of experts, or of the MLP of a layer without."""
    moe = block.mlp
    if not hasattr(moe, "experts"):
        return gated_mlp_sites(sites, at, block, of)
    hidden, out = of("mlp")
    x = hidden.reshape(-1, hidden.shape[-1])
    gate = getattr(moe, router)
    logits, weights, experts = gate.forward(x)
    order = score(gate, logits).gather(-1, experts).argsort(-1, descending=True)  # some leave the order open
    weights, experts = weights.gather(-1, order), experts.gather(-1, order)
    outs = torch.stack([torch.stack([output(moe.experts, e, row) for e in chosen]) for row, chosen in zip(x, experts)])
    total = (weights[..., None] * outs).sum(1)
    inside = lambda value: value.reshape(*hidden.shape[:2], *value.shape[1:])
    if (apart := shared(moe, x)) is not None:
        total = total + apart
        sites[at + "moe.shared_out"] = inside(apart)
    torch.testing.assert_close(inside(total), out, **CLOSE)
    sites |= {at + "moe.router_logits": inside(logits), at + "moe.experts": inside(experts).float(),
              at + "moe.weights": inside(weights), at + "moe.expert_out": inside(outs)}


def gap(values, kept):
    """The smallest distance between the last of the `kept` largest values and the next one."""
    best = values.sort(-1, descending=True).values
    return float((best[..., kept - 1] - best[..., kept]).min()) if kept < best.shape[-1] else 1.0


def clear_choices(model, texts, *, router="gate", margin=lambda gate, logits: gap(logits, gate.top_k)):
    """Whether every token of the texts, and of padding, chooses its experts clearly."""
    gaps = []

    def hook(module, _inputs, output):
        gaps.append(margin(module, output[0]))

    handles = [getattr(block.mlp, router).register_forward_hook(hook)
               for block in model.model.layers if hasattr(block.mlp, "experts")]
    for text in texts:
        model(input_ids=torch.tensor([text]))
    for handle in handles:
        handle.remove()
    return min(gaps) > MARGIN


def as_transformers_4_moe(config):
    """Where experts were counted by another name."""
    config["num_experts"] = config.pop("num_local_experts")
    return as_transformers_4(config)


moe_sites = partial(sites, feed_forward=mixture_sites)

RECIPES = [
    Recipe("mixtral", mixtral, moe_sites, config=as_transformers_4, accepts=clear_choices),
    Recipe("qwen2-moe", qwen2_moe, partial(sites, feed_forward=partial(mixture_sites, shared=qwen_shared)),
           accepts=clear_choices),
    Recipe("qwen3-moe", qwen3_moe, moe_sites, config=as_transformers_4_moe, accepts=clear_choices),
    Recipe("olmoe", olmoe, moe_sites, accepts=clear_choices),
]
