from transformers import (AutoModelForImageTextToText, Gemma2Config, Gemma2ForCausalLM, Gemma3Config, Gemma3ForCausalLM,
                          Gemma3ForConditionalGeneration, Gemma3TextConfig, GemmaConfig, GemmaForCausalLM)
from transformers.models.gemma3.modeling_gemma3 import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, heads, hooked, rms_norm
from recipes.llama import visible, window_of

# dHead is not dModel / nHeads, and every key-value head serves two query heads.
SIZES = dict(**TOKENS, hidden_size=16, intermediate_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
             max_position_embeddings=64)


def gemma():
    return GemmaForCausalLM(GemmaConfig(**SIZES, num_hidden_layers=2, rms_norm_eps=1e-5, attention_bias=True))


def gemma2():
    # Scores and logits reach beyond their bounds; a window of 3 is half of the shorter prompt.
    return Gemma2ForCausalLM(Gemma2Config(
        **SIZES, num_hidden_layers=2, query_pre_attn_scalar=9, sliding_window=3, attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0))


def gemma3():
    # Layers of either kind have wavelengths of their own, of which the global ones are stretched.
    return Gemma3ForCausalLM(Gemma3TextConfig(
        **SIZES | dict(hidden_size=12), num_hidden_layers=3, query_pre_attn_scalar=10, sliding_window=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], tie_word_embeddings=False,
        rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
                         "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0}}))


def gemma3_vision():
    # The second of every two layers sees all.
    text = dict(**SIZES, num_hidden_layers=2, query_pre_attn_scalar=10, sliding_window=4, sliding_window_pattern=2,
                rope_scaling={"rope_type": "linear", "factor": 8.0}, rope_theta=1000.0, rope_local_base_freq=100.0)
    vision = dict(hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=2, image_size=4, patch_size=2)
    return Gemma3ForConditionalGeneration(Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=98, boi_token_index=99,
        eoi_token_index=100))


def spread(name, shape):
    """Norms store what their gain is above 1."""
    return (0.0, 0.4) if name.endswith("norm.weight") else None


def as_first_published(config):
    """Gemma's first config.json names another activation than its network has; transformers 4 and 5 know that."""
    rope = config.pop("rope_parameters")
    return config | {"hidden_act": "gelu", "rope_theta": rope["rope_theta"], "rope_scaling": None}


def as_transformers_4(config):
    """Where the kinds of layers follow from their numbers."""
    rope = config.pop("rope_parameters")
    config.pop("layer_types")
    return config | {"rope_theta": rope["rope_theta"], "cache_implementation": "hybrid", "torch_dtype": config.pop("dtype"),
                     "hidden_act": "gelu_pytorch_tanh", "transformers_version": "4.42.4"}


def as_published_with_vision(config):
    """The form of Gemma 3 4B's config.json, which leaves out what is usual."""
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    for key in ["layer_types", "_sliding_window_pattern", "tie_word_embeddings"]:
        text.pop(key)
    scaling = {"rope_type": "linear", "factor": rope["full_attention"]["factor"]}
    text |= {"rope_theta": rope["full_attention"]["rope_theta"], "rope_scaling": scaling, "sliding_window_pattern": 2,
             "rope_local_base_freq": rope["sliding_attention"]["rope_theta"]}
    return config | {"torch_dtype": config.pop("dtype"), "eos_token_id": [3], "transformers_version": "4.50.0.dev0"}


def sites(model):
    body, config = getattr(model.model, "language_model", model.model), model.config.get_text_config()
    has_post_norms = hasattr(body.layers[0], "pre_feedforward_layernorm")
    ln2 = "pre_feedforward_layernorm" if has_post_norms else "post_attention_layernorm"
    names = ["input_layernorm", "self_attn", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
             "post_attention_layernorm", ln2, "mlp", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    has_head_norms = hasattr(body.layers[0].self_attn, "q_norm")
    names += ["post_feedforward_layernorm"] * has_post_norms + ["self_attn.q_norm", "self_attn.k_norm"] * has_head_norms
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name) for name in names} | {f"{i}": block}
    seen = hooked(modules)
    gain = lambda weight: 1 + weight
    bound = getattr(config, "attn_logit_softcapping", None)
    cap = (lambda scores: scores) if bound is None else (lambda scores: (scores / bound).tanh() * bound)

    def sites_of(run, mask, position_ids):
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            of = lambda name: seen[f"{i}.{name}"]
            normalized = lambda name: rms_norm(of(name)[0], block.get_submodule(name), of(name)[1], gain=gain)
            kind = [config.layer_types[i]] if has_head_norms else []
            cos, sin = body.rotary_emb(sites["embed"], position_ids, *kind)
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            sites[at + "ln1.normalized"] = normalized("input_layernorm")
            q, k, v = (heads(of(f"self_attn.{name}_proj")[1], attn.head_dim) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v}
            if has_head_norms:
                q, k = (of(f"self_attn.{name}_norm")[1].transpose(1, 2) for name in "qk")
                sites |= {at + "attn.q_norm": q, at + "attn.k_norm": k}
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.rot_q": rot_q, at + "attn.rot_k": rot_k}
            sites[at + "ln2.normalized"] = normalized(ln2)
            sites |= {at + "mlp.gate": of("mlp.gate_proj")[1], at + "mlp.pre": of("mlp.up_proj")[1],
                      at + "mlp.post": of("mlp.down_proj")[0], at + "resid_mid": of(ln2)[0],
                      at + "resid_post": seen[f"{i}"][1]}
            out = "raw_out" if has_post_norms else "out"
            attn_out, mlp_out = (at + f"{name}{'.' if has_post_norms else '_'}{out}" for name in ["attn", "mlp"])
            sites |= {attn_out: of("self_attn")[1], mlp_out: of("mlp")[1]}
            if has_post_norms:
                sites |= {at + "attn_out": of("post_attention_layernorm")[1],
                          at + "ln1_post.normalized": normalized("post_attention_layernorm"),
                          at + "mlp_out": of("post_feedforward_layernorm")[1],
                          at + "ln2_post.normalized": normalized("post_feedforward_layernorm")}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, attn.head_dim, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], visible(mask, window_of(config, i)), w_o,
                            attn.o_proj.bias, attn.scaling, cap=cap, out=attn_out.removeprefix(at))
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1], gain=gain)
        return sites

    return sites_of


RECIPES = [
    Recipe("gemma", gemma, sites, spread=spread, config=as_first_published),
    Recipe("gemma2", gemma2, sites, spread=spread, config=as_transformers_4),
    Recipe("gemma3", gemma3, sites, spread=spread),
    Recipe("gemma3-vision", gemma3_vision, sites, AutoModelForImageTextToText, spread=spread,
           config=as_published_with_vision, forward=dict(output_attentions=True)),
]
