from functools import partial

import torch
from transformers import DeepseekV2Config, DeepseekV2ForCausalLM, DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.models.deepseek_v2.modeling_deepseek_v2 import apply_rotary_emb
from transformers.models.deepseek_v3.modeling_deepseek_v3 import apply_rotary_pos_emb_interleave

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, rms_norm
from recipes.moe import clear_choices, gap, mixture_sites

# The first layer has no experts; heads have 4 + 4 numbers in queries and keys and 6 in values.
SIZES = dict(**TOKENS, hidden_size=16, intermediate_size=20, moe_intermediate_size=8, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=4, v_head_dim=6,
             first_k_dense_replace=1, n_group=3, topk_group=2, n_routed_experts=6, num_experts_per_tok=2,
             max_position_embeddings=64)


def deepseek_v2():
    return DeepseekV2ForCausalLM(DeepseekV2Config(**SIZES, q_lora_rank=None, n_shared_experts=2, routed_scaling_factor=1.5,
                                                  topk_method="group_limited_greedy"))


def deepseek_v3():
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 4.0, "beta_slow": 0.5, "mscale": 0.8,
            "mscale_all_dim": 1.2, "original_max_position_embeddings": 16}
    return DeepseekV3ForCausalLM(DeepseekV3Config(**SIZES, q_lora_rank=10, n_shared_experts=1, rope_parameters=yarn,
                                                  attention_bias=True))


def spread(name, shape):
    """A correction of the order of differences between scores."""
    return (0.0, 0.2) if name.endswith("e_score_correction_bias") else None


def corrected(gate, logits):
    """What V3 chooses by."""
    return logits.sigmoid() + gate.e_score_correction_bias


def limited_gap(gate, logits, *, score, best):
    """How clear the choice of groups, and of experts inside them, is: groups are compared by their `best` largest scores."""
    grouped = score(gate, logits).reshape(-1, gate.num_group, logits.shape[-1] // gate.num_group)
    of_groups = grouped.topk(best, -1).values.sum(-1)
    chosen = torch.zeros_like(of_groups).scatter(1, of_groups.topk(gate.topk_group, -1).indices, 1.0).bool()
    inside = grouped.masked_fill(~chosen[..., None], -9.0).flatten(1)
    return min(gap(of_groups, gate.topk_group), gap(inside, gate.top_k))


def turned_v2(q, k, angles):
    """Queries and keys, [batch, pos, head, d], turned; pairs are put (i, i + n) as V3 does."""
    q, k = apply_rotary_emb(q.transpose(1, 2), k.transpose(1, 2), angles)
    return tuple(x.transpose(1, 2).unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2) for x in (q, k))


def turned_v3(q, k, angles):
    return apply_rotary_pos_emb_interleave(q, k, *angles, unsqueeze_dim=2)


def shared_experts(block, x):
    return block.shared_experts(x)


def sites(model, turned, feed_forward):
    body, config = model.model, model.config
    has_latent = config.q_lora_rank is not None
    names = ["input_layernorm", "post_attention_layernorm", "self_attn", "mlp", "self_attn.kv_a_proj_with_mqa",
             "self_attn.kv_a_layernorm", "self_attn.kv_b_proj"]
    names += ["self_attn.q_a_layernorm", "self_attn.q_b_proj"] if has_latent else ["self_attn.q_proj"]
    projections = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        own = names + projections * hasattr(block.mlp, "gate_proj")
        modules |= {f"{i}.{name}": block.get_submodule(name) for name in own} | {f"{i}": block}
    seen = hooked(modules)
    still, turning, value = config.qk_nope_head_dim, config.qk_rope_head_dim, config.v_head_dim

    def sites_of(run, mask, position_ids):
        sites = {"embed": seen["embed"][1]}
        angles = body.rotary_emb(sites["embed"], position_ids)
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            of = lambda name: seen[f"{i}.{name}"]
            sites |= {at + "resid_pre": seen[f"{i}"][0], at + "resid_mid": of("post_attention_layernorm")[0],
                      at + "resid_post": seen[f"{i}"][1], at + "attn_out": of("self_attn")[1], at + "mlp_out": of("mlp")[1]}
            for site, name in [("ln1", "input_layernorm"), ("ln2", "post_attention_layernorm")]:
                sites[f"{at}{site}.normalized"] = rms_norm(of(name)[0], block.get_submodule(name), of(name)[1])
            if has_latent:
                sites[at + "attn.q_latent"] = of("self_attn.q_a_layernorm")[1]
            sites[at + "attn.kv_latent"] = of("self_attn.kv_a_layernorm")[1]
            q = heads(of("self_attn.q_b_proj" if has_latent else "self_attn.q_proj")[1], still + turning)
            # transformers expands latents that it has cached as [batch, 1, pos, rank]
            up = of("self_attn.kv_b_proj")[1].flatten(0, 1).reshape(*q.shape[:2], -1)
            keys, v = heads(up, still + value).split([still, value], -1)
            shared = of("self_attn.kv_a_proj_with_mqa")[1][..., config.kv_lora_rank:].unsqueeze(2)
            q_turned, k_turned = turned(q[..., still:], shared, angles)
            whole = lambda part: torch.cat([keys, part.expand(*keys.shape[:3], turning)], -1)
            rot_q, rot_k = torch.cat([q[..., :still], q_turned], -1), whole(k_turned)
            sites |= {at + "attn.q": q, at + "attn.k": whole(shared), at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, value, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], causal(mask), w_o, attn.o_proj.bias, attn.scaling)
            feed_forward(sites, at, block, of)
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


def by_probability(gate, logits):
    """What V2 chooses by."""
    return logits.softmax(-1)


def as_published(config):
    """The keys of DeepSeek's own config.json, in the form of transformers 4."""
    rope = config.pop("rope_parameters")
    for key in ["head_dim", "qk_head_dim"]:
        config.pop(key)
    theta, kind = rope.pop("rope_theta"), rope.pop("rope_type")
    return config | {"rope_theta": theta, "rope_scaling": {"type": kind, **rope}, "torch_dtype": config.pop("dtype"),
                     "scoring_func": "sigmoid", "topk_method": "noaux_tc", "moe_layer_freq": 1, "ep_size": 1}


v2_margin = partial(limited_gap, score=by_probability, best=1)
v3_margin = partial(limited_gap, score=corrected, best=2)

RECIPES = [
    Recipe("deepseek-v2", deepseek_v2, partial(sites, turned=turned_v2, feed_forward=partial(
        mixture_sites, shared=shared_experts)), accepts=partial(clear_choices, margin=v2_margin)),
    Recipe("deepseek-v3", deepseek_v3, partial(sites, turned=turned_v3, feed_forward=partial(
        mixture_sites, score=corrected, shared=shared_experts)), spread=spread, config=as_published,
           accepts=partial(clear_choices, margin=v3_margin)),
]
