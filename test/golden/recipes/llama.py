import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, rms_norm


def llama():
    return LlamaForCausalLM(LlamaConfig(
        **TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}))


def llama3():
    # Of the six wavelengths (6.3, 30, 135 ...) the scaling keeps the first, blends the second and divides the rest;
    # dHead is not dModel / nHeads, and one key-value head serves four query heads.
    return LlamaForCausalLM(LlamaConfig(
        **TOKENS, hidden_size=20, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, head_dim=12, max_position_embeddings=256, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True))


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, so that both forms are read by the tests."""
    rope = config.pop("rope_parameters")
    dtype = config.pop("dtype")
    return config | {"rope_theta": rope["rope_theta"], "rope_scaling": None, "torch_dtype": dtype,
                     "transformers_version": "4.57.1"}


def sites(model):
    body = model.model
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "self_attn", "self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj", "post_attention_layernorm", "mlp", "mlp.gate_proj", "mlp.up_proj",
                                 "mlp.down_proj"]}
        modules[f"{i}"] = block
    seen = hooked(modules)
    config = model.config

    def sites_of(run, mask, position_ids):
        cos, sin = body.rotary_emb(seen["embed"][1], position_ids)
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = rms_norm(x, block.input_layernorm, y)
            q, k, v = (heads(seen[f"{i}.self_attn.{name}_proj"][1], attn.head_dim) for name in "qkv")
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.self_attn"][1]}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, attn.head_dim, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], causal(mask), w_o, attn.o_proj.bias,
                            attn.scaling)
            x, y = seen[f"{i}.post_attention_layernorm"]
            sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = rms_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.gate"] = seen[f"{i}.mlp.gate_proj"][1]
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.up_proj"][1]
            sites[at + "mlp.post"] = seen[f"{i}.mlp.down_proj"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("llama", llama, sites, config=as_transformers_4, stored=dict(dtype=torch.bfloat16, max_shard_size="20KB")),
    Recipe("llama3-rope", llama3, sites),
]
