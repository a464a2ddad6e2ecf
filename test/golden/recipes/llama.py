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


def scaled_llama(max_position_embeddings=64, **rope):
    """A Llama whose wavelengths (6.3, 135, 2917 positions, unless stretched) are stretched."""
    return lambda: LlamaForCausalLM(LlamaConfig(
        **TOKENS, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=6, max_position_embeddings=max_position_embeddings, rope_parameters={"rope_theta": 10000.0, **rope}))


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, so that both forms are read by the tests."""
    rope = config.pop("rope_parameters")
    theta, kind = rope.pop("rope_theta"), rope.pop("rope_type")
    scaling = None if kind == "default" else {"type": kind, **rope}
    return config | {"rope_theta": theta, "rope_scaling": scaling, "torch_dtype": config.pop("dtype"),
                     "transformers_version": "4.57.1"}


def visible(mask, window):
    """Which keys each query may look at, [batch, 1, query, key]: `window` of them with its own, or all if None."""
    place = torch.arange(mask.shape[1])
    return causal(mask) if window is None else causal(mask) & (place[:, None] - place < window)


def window_of(config, layer):
    """How many keys a query of a layer looks at; None where it sees all."""
    kinds = getattr(config, "layer_types", None)
    return getattr(config, "sliding_window", None) if kinds is None or kinds[layer] == "sliding_attention" else None


PRE_NORMS = dict(ln1="input_layernorm", ln2="post_attention_layernorm")


def gated_mlp_sites(sites, at, block, of):
    """Sites of an MLP with gates."""
    sites |= {at + "mlp.gate": of("mlp.gate_proj")[1], at + "mlp.pre": of("mlp.up_proj")[1],
              at + "mlp.post": of("mlp.down_proj")[0]}


def sites(model, norms=PRE_NORMS, feed_forward=gated_mlp_sites, normaliser=lambda sites, at, attn: {}):
    """Sites of Llama and its relatives; `norms` are a block's own by the site's name, the ones after a module with `_post`.

    `feed_forward` adds the sites of what follows attention, `normaliser` returns arguments of `attention_sites`.
    """
    body, config = model.model, model.config
    scaled = getattr(body, "embedding_multiplier", 1.0)
    has_post_norms = "ln1_post" in norms
    names = ["self_attn", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp", *norms.values()]
    projections = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    has_head_norms = hasattr(body.layers[0].self_attn, "q_norm")
    names += ["self_attn.q_norm", "self_attn.k_norm"] * has_head_norms
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        own = names + projections * hasattr(block.mlp, "gate_proj")
        modules |= {f"{i}.{name}": block.get_submodule(name) for name in own} | {f"{i}": block}
    seen = hooked(modules)

    def sites_of(run, mask, position_ids):
        sites = {"embed": seen["embed"][1] * scaled}
        cos, sin = body.rotary_emb(sites["embed"], position_ids)
        if cos.shape[-1] < body.layers[0].self_attn.head_dim:  # some modules keep the angles of a pair once
            cos, sin = torch.cat([cos, cos], -1), torch.cat([sin, sin], -1)
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            of = lambda name: seen[f"{i}.{name}"]
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            for site, name in norms.items():
                sites[f"{at}{site}.normalized"] = rms_norm(of(name)[0], block.get_submodule(name), of(name)[1])
            q, k, v = (heads(of(f"self_attn.{name}_proj")[1], attn.head_dim) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v}
            if has_head_norms:
                q, k = of("self_attn.q_norm")[1].reshape(q.shape), of("self_attn.k_norm")[1].reshape(k.shape)
                sites |= {at + "attn.q_norm": q, at + "attn.k_norm": k}
            if getattr(attn, "use_rope", True):
                q, k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
                sites |= {at + "attn.rot_q": q, at + "attn.rot_k": k}
            sites[at + "resid_mid"] = of("mlp" if has_post_norms else norms["ln2"])[0]
            sites[at + "resid_post"] = seen[f"{i}"][1]
            feed_forward(sites, at, block, of)
            residual = getattr(block, "residual_multiplier", 1.0)
            for own, module, norm in [("attn", "self_attn", "ln1_post"), ("mlp", "mlp", "ln2_post")]:
                out = of(module)[1]
                sites[f"{at}{own}_out"] = of(norms[norm])[1] if has_post_norms else out * residual
                if has_post_norms or residual != 1:
                    sites[f"{at}{own}.raw_out"] = out
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, attn.head_dim, config.hidden_size)
            out = "attn.raw_out" if at + "attn.raw_out" in sites else "attn_out"
            attention_sites(sites, at, q, k, v, run.attentions[i], visible(mask, window_of(config, i)), w_o,
                            attn.o_proj.bias, attn.scaling, out=out, **normaliser(sites, at, attn))
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("llama", llama, sites, config=as_transformers_4, stored=dict(dtype=torch.bfloat16, max_shard_size="20KB")),
    Recipe("llama3-rope", llama3, sites),
    # Greedy texts grow from 6 and 9 to 25 and 28 tokens: beyond the context of the first training in the last two.
    Recipe("llama-rope-linear", scaled_llama(rope_type="linear", factor=4.0), sites, config=as_transformers_4),
    Recipe("llama-rope-yarn", scaled_llama(rope_type="yarn", factor=4.0, original_max_position_embeddings=32, beta_fast=4.0,
                                           beta_slow=0.5, max_position_embeddings=128), sites),
    Recipe("llama-rope-dynamic", scaled_llama(rope_type="dynamic", factor=2.0, max_position_embeddings=16), sites,
           config=as_transformers_4),
    Recipe("llama-rope-longrope", scaled_llama(
        rope_type="longrope", original_max_position_embeddings=12, short_factor=[1.0, 1.2, 1.5], long_factor=[1.5, 3.0, 6.0]),
        sites),
]
