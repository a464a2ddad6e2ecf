from transformers import Phi3Config, Phi3ForCausalLM
from transformers.models.phi3.modeling_phi3 import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, heads, hooked, rms_norm
from recipes.llama import visible, window_of

# Three heads of 8 share one of keys and values; of each 8 numbers the first 6 turn.
SIZES = dict(**TOKENS, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3,
             num_key_value_heads=1, max_position_embeddings=64, partial_rotary_factor=0.75)
FACTORS = dict(rope_type="longrope", rope_theta=100.0, short_factor=[1.0, 1.2, 1.5], long_factor=[1.1, 3.0, 7.0])


def phi3():
    # No text here is longer than those of the first training, so the short factors count.
    return Phi3ForCausalLM(Phi3Config(**SIZES, original_max_position_embeddings=32, rope_parameters=dict(FACTORS),
                                      sliding_window=4))


def longrope():
    # Every prompt is longer than the texts of the first training, so the long factors count.
    return Phi3ForCausalLM(Phi3Config(**SIZES, original_max_position_embeddings=4, rope_parameters=dict(FACTORS),
                                      tie_word_embeddings=True))


def as_transformers_4(config):
    """The form of Phi-3-mini-128k's and Phi-4-mini's config.json."""
    rope = config.pop("rope_parameters")
    scaling = {"type": "longrope", "short_factor": rope["short_factor"], "long_factor": rope["long_factor"]}
    return config | {"rope_theta": rope["rope_theta"], "rope_scaling": scaling, "torch_dtype": config.pop("dtype"),
                     "partial_rotary_factor": 0.75, "attention_bias": False, "transformers_version": "4.45.0"}


def sites(model):
    body, config = model.model, model.config
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "self_attn", "self_attn.qkv_proj", "post_attention_layernorm", "mlp",
                                 "mlp.gate_up_proj", "mlp.down_proj"]}
        modules[f"{i}"] = block
    seen = hooked(modules)

    def sites_of(run, mask, position_ids):
        cos, sin = body.rotary_emb(seen["embed"][1], position_ids)
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = rms_norm(x, block.input_layernorm, y)
            d = attn.head_dim
            sizes = [config.num_attention_heads * d, config.num_key_value_heads * d, config.num_key_value_heads * d]
            q, k, v = (heads(x, d) for x in seen[f"{i}.self_attn.qkv_proj"][1].split(sizes, -1))
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.self_attn"][1]}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, d, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], visible(mask, window_of(config, i)), w_o, None,
                            attn.scaling)
            x, y = seen[f"{i}.post_attention_layernorm"]
            sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = rms_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.gate"], sites[at + "mlp.pre"] = seen[f"{i}.mlp.gate_up_proj"][1].chunk(2, -1)
            sites[at + "mlp.post"] = seen[f"{i}.mlp.down_proj"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("phi3", phi3, sites, config=as_transformers_4),
    Recipe("phi3-longrope", longrope, sites),
]
