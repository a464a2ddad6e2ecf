from transformers import GPTNeoXConfig, GPTNeoXForCausalLM
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, layer_norm


def neox(**rest):
    # Of the six numbers of a head, int(6 * 0.7) = 4 are turned.
    return GPTNeoXForCausalLM(GPTNeoXConfig(
        **TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, rope_parameters={"rope_type": "default", "rope_theta": 100.0,
                                                     "partial_rotary_factor": 0.7}, **rest))


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, so that both forms are read by the tests."""
    rope = config.pop("rope_parameters")
    dtype = config.pop("dtype")
    return config | {"rotary_emb_base": rope["rope_theta"], "rotary_pct": rope["partial_rotary_factor"],
                     "rope_scaling": None, "torch_dtype": dtype, "transformers_version": "4.57.1"}


def sites(model):
    body, config = model.gpt_neox, model.config
    d_head = config.hidden_size // config.num_attention_heads
    modules = {"embed": body.embed_in, "norm": body.final_layer_norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "attention", "attention.query_key_value", "post_attention_layernorm",
                                 "mlp", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"]}
        modules[f"{i}"] = block
    seen = hooked(modules)

    def sites_of(run, mask, position_ids):
        cos, sin = body.rotary_emb(seen["embed"][1], position_ids)
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.attention
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = layer_norm(x, block.input_layernorm, y)
            q, k, v = heads(seen[f"{i}.attention.query_key_value"][1], 3 * d_head).chunk(3, -1)
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.attention"][1]}
            w_o = attn.dense.weight.T.reshape(config.num_attention_heads, d_head, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], causal(mask), w_o, attn.dense.bias,
                            attn.scaling)
            x, y = seen[f"{i}.post_attention_layernorm"]
            if not config.use_parallel_residual:
                sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = layer_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.dense_h_to_4h"][1]
            sites[at + "mlp.post"] = seen[f"{i}.mlp.dense_4h_to_h"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = layer_norm(seen["norm"][0], body.final_layer_norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("neox", neox, sites),
    Recipe("neox-sequential", lambda: neox(use_parallel_residual=False, attention_bias=False, hidden_act="gelu_new",
                                           tie_word_embeddings=True), sites, config=as_transformers_4),
]
