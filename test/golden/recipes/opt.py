from transformers import OPTConfig, OPTForCausalLM

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, layer_norm


def opt(**rest):
    return OPTForCausalLM(OPTConfig(**TOKENS, hidden_size=24, ffn_dim=40, num_hidden_layers=2, num_attention_heads=4,
                                    max_position_embeddings=32, **rest))


def sites(model):
    body, config = model.model.decoder, model.config
    is_first = config.do_layer_norm_before
    d_head = config.hidden_size // config.num_attention_heads
    modules = {"embed": body.project_in or body.embed_tokens, "positions": body.embed_positions}
    if body.final_layer_norm is not None:
        modules["norm"] = body.final_layer_norm
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["self_attn_layer_norm", "self_attn", "self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj", "final_layer_norm", "fc1", "fc2"]}
        modules[f"{i}"] = block
    seen = hooked(modules)

    def sites_of(run, mask, _position_ids):
        embed = seen["embed"][1]
        sites = {"embed": embed, "pos_embed": seen["positions"][1].expand_as(embed)}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.self_attn_layer_norm"]
            sites[at + "ln1.normalized"] = layer_norm(x, block.self_attn_layer_norm, y)
            mid = y
            q, k, v = (heads(seen[f"{i}.self_attn.{name}_proj"][1], d_head) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn_out": seen[f"{i}.self_attn"][1]}
            w_o = attn.out_proj.weight.T.reshape(config.num_attention_heads, d_head, config.hidden_size)
            attention_sites(sites, at, q, k, v, run.attentions[i], causal(mask), w_o, attn.out_proj.bias, attn.scaling)
            # from here on the model has one row for all positions of all texts
            x, y = (t.view_as(embed) for t in seen[f"{i}.final_layer_norm"])
            sites[at + "resid_mid"] = x if is_first else mid
            sites[at + "ln2.normalized"] = layer_norm(x, block.final_layer_norm, y)
            pre, (post, out) = seen[f"{i}.fc1"][1], seen[f"{i}.fc2"]
            sites[at + "mlp.pre"] = pre.view(*embed.shape[:2], -1)
            sites[at + "mlp.post"] = post.view(*embed.shape[:2], -1)
            sites[at + "mlp_out"] = out.view_as(embed)
            sites[at + "resid_post"] = seen[f"{i}"][1]
        if "norm" in seen:
            sites["ln_final.normalized"] = layer_norm(seen["norm"][0], body.final_layer_norm, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [
    Recipe("opt", opt, sites),
    # as in OPT-350m: norms on the stream itself, tokens embedded in fewer numbers than the stream has
    Recipe("opt-postnorm", lambda: opt(do_layer_norm_before=False, word_embed_proj_dim=12, enable_bias=False), sites,
           writes=None),
]
