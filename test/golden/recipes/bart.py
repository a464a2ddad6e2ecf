from transformers import AutoModelForSeq2SeqLM, BartConfig, BartForConditionalGeneration

from common import EOS, TOKENS, Recipe, attention_sites, causal, heads, hooked, layer_norm
from seq2seq import cross_sites, make_seq2seq


def bart(**rest):
    # the stacks differ in depth, heads and MLP
    sizes = dict(encoder_layers=1, encoder_attention_heads=4, encoder_ffn_dim=24, decoder_layers=2,
                 decoder_attention_heads=2, decoder_ffn_dim=20)
    return BartForConditionalGeneration(BartConfig(**TOKENS, decoder_start_token_id=EOS, forced_eos_token_id=None,
                                                   d_model=16, max_position_embeddings=32, **(sizes | rest)))


def spread(name, shape):
    """Small embeddings, lest a tied unembedding repeats the token before."""
    return (0.0, 0.3) if name.endswith("shared.weight") else None


def sites(model):
    config, body = model.config, model.model
    modules = {}
    for stack in ["encoder", "decoder"]:
        own = getattr(body, stack)
        modules |= {f"{stack}.embed": own.embed_tokens, f"{stack}.positions": own.embed_positions,
                    f"{stack}.norm": own.layernorm_embedding}
        for i, block in enumerate(own.layers):
            modules[f"{stack}.{i}"] = block
            modules |= {f"{stack}.{i}.{name}": child for name, child in block.named_modules() if name}
    seen = hooked(modules)

    def stack_sites(stack, run, mask, source_mask):
        own, is_decoder = getattr(body, stack), stack == "decoder"
        d_head = config.d_model // getattr(config, f"{stack}_attention_heads")
        size = mask.shape[1]
        visible = causal(mask) if is_decoder else mask.bool()[:, None, None, :].expand(-1, 1, size, -1)
        patterns = run.decoder_attentions if is_decoder else run.encoder_attentions
        embed = seen[f"{stack}.embed"][1]
        x, y = seen[f"{stack}.norm"]
        sites = {f"{stack}.embed": embed, f"{stack}.pos_embed": seen[f"{stack}.positions"][1].expand_as(embed),
                 f"{stack}.ln_embed.normalized": layer_norm(x, own.layernorm_embedding, y)}

        def attended(at, name, key):
            """Queries, keys, values, output projection and its bias; keeps the output as a site."""
            sites[at + key] = seen[name][1]
            attn = modules[name]
            weight = attn.out_proj.weight.T.reshape(-1, d_head, config.d_model)
            return *(heads(seen[f"{name}.{part}_proj"][1], d_head) for part in "qkv"), weight, attn.out_proj.bias

        for i, block in enumerate(own.layers):
            at, name = f"{stack}.blocks.{i}.", f"{stack}.{i}."

            def norm(site, part, after):
                x, y = seen[name + part]
                sites[f"{at}{site}.normalized"] = layer_norm(x, modules[name + part], y)
                sites[at + after] = y

            sites[at + "resid_pre"] = seen[f"{stack}.{i}"][0]
            q, k, v, w_o, b_o = attended(at, name + "self_attn", "attn_out")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v}
            attention_sites(sites, at, q, k, v, patterns[i], visible, w_o, b_o, d_head**-0.5)
            norm("ln1", "self_attn_layer_norm", "resid_mid")
            if is_decoder:
                q, k, v, w_o, b_o = attended(at, name + "encoder_attn", "cross_out")
                cross_sites(sites, at, q, k, v, run.cross_attentions[i], source_mask.bool()[:, None, None, :], w_o, b_o,
                            d_head**-0.5)
                norm("ln_cross", "encoder_attn_layer_norm", "resid_cross")
            sites |= {at + "mlp.pre": seen[name + "fc1"][1], at + "mlp.post": seen[name + "fc2"][0],
                      at + "mlp_out": seen[name + "fc2"][1]}
            norm("ln2", "final_layer_norm", "resid_post")
        return sites

    def sites_of(run, source_mask, target_mask):
        return stack_sites("encoder", run, source_mask, None) | stack_sites("decoder", run, target_mask, source_mask)

    return sites_of


def recipe(name, build, **rest):
    # transformers counts the positions of a target's padding, so targets are padded on the right only
    return Recipe(name, build, sites, spread=spread, auto=AutoModelForSeq2SeqLM, make=make_seq2seq, writes=None,
                  pads=("right",), **rest)


RECIPES = [
    recipe("bart", bart),
    # a name that published checkpoints have which were pretrained only
    recipe("bart-scaled", lambda: bart(scale_embedding=True, decoder_layers=1),
           config=lambda config: config | {"architectures": ["BartModel"]}),
]
