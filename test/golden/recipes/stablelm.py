import torch
from transformers import StableLmConfig, StableLmForCausalLM
from transformers.models.stablelm.modeling_stablelm import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, layer_norm


def stablelm(**rest):
    return StableLmForCausalLM(StableLmConfig(
        **TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 0.7}, **rest))


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, so that both forms are read by the tests."""
    rope = config.pop("rope_parameters")
    dtype = config.pop("dtype")
    return config | {"rope_theta": rope["rope_theta"], "partial_rotary_factor": rope["partial_rotary_factor"],
                     "rope_scaling": None, "torch_dtype": dtype, "transformers_version": "4.57.1"}


def sites(model):
    body, config = model.model, model.config
    d_head = config.hidden_size // config.num_attention_heads
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    norms = ["self_attn.q_layernorm", "self_attn.k_layernorm"] if config.qk_layernorm else []
    norms += [] if config.use_parallel_residual else ["post_attention_layernorm"]
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "self_attn", "self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj", "mlp", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", *norms]}
        modules[f"{i}"] = block
    seen = hooked(modules)

    def sites_of(run, mask, position_ids):
        cos, sin = body.rotary_emb(seen["embed"][1], position_ids)
        turned = cos.shape[-1]
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = layer_norm(x, block.input_layernorm, y)
            q, k, v = (heads(seen[f"{i}.self_attn.{name}_proj"][1], d_head) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v}
            if config.qk_layernorm:
                q, k = (seen[f"{i}.self_attn.{name}_layernorm"][1].transpose(1, 2) for name in "qk")
                sites |= {at + "attn.q_norm": q, at + "attn.k_norm": k}
            rot = apply_rotary_pos_emb(q[..., :turned], k[..., :turned], cos, sin, unsqueeze_dim=2)
            rot_q, rot_k = (torch.cat([rotated, x[..., turned:]], -1) for rotated, x in zip(rot, [q, k]))
            sites |= {at + "attn.rot_q": rot_q, at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.self_attn"][1]}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, d_head, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], causal(mask), w_o, None, attn.scaling)
            if not config.use_parallel_residual:
                x, y = seen[f"{i}.post_attention_layernorm"]
                sites[at + "resid_mid"] = x
                sites[at + "ln2.normalized"] = layer_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.gate"] = seen[f"{i}.mlp.gate_proj"][1]
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.up_proj"][1]
            sites[at + "mlp.post"] = seen[f"{i}.mlp.down_proj"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = layer_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("stablelm", lambda: stablelm(use_qkv_bias=True), sites, config=as_transformers_4),
    Recipe("stablelm-parallel", lambda: stablelm(use_parallel_residual=True, qk_layernorm=True), sites),
]
