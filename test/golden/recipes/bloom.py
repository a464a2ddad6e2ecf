from transformers import BloomConfig, BloomForCausalLM
from transformers.models.bloom.modeling_bloom import _get_alibi_slopes

from common import TOKENS, Recipe, attention_sites, causal, heads, hooked, layer_norm


def bloom():
    # Six heads are not a power of two, so the slopes of the last two are read from a second series.
    return BloomForCausalLM(BloomConfig(**TOKENS, hidden_size=18, n_layer=2, n_head=6))


def sites(model):
    body, config = model.transformer, model.config
    d_head = config.hidden_size // config.n_head
    modules = {"embed": body.word_embeddings, "ln": body.word_embeddings_layernorm, "norm": body.ln_f}
    for i, block in enumerate(body.h):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "self_attention.query_key_value", "self_attention.dense",
                                 "post_attention_layernorm", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"]}
        modules[f"{i}"] = block
    seen = hooked(modules)

    def sites_of(run, mask, position_ids):
        # The model adds slope * key position. Less slope * query position, the same for all keys of a softmax, that is
        # the penalty on distance which the paper speaks of.
        distance = position_ids[:, None, :, None] - position_ids[:, None, None, :]
        bias = -distance * _get_alibi_slopes(config.n_head, "cpu")[:, None, None]
        sites = {"embed.ln.normalized": layer_norm(seen["ln"][0], body.word_embeddings_layernorm, seen["ln"][1]),
                 "embed": seen["ln"][1]}
        for i, block in enumerate(body.h):
            at, attn = f"blocks.{i}.", block.self_attention
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = layer_norm(x, block.input_layernorm, y)
            q, k, v = heads(seen[f"{i}.self_attention.query_key_value"][1], 3 * d_head).chunk(3, -1)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v,
                      at + "attn_out": seen[f"{i}.self_attention.dense"][1]}
            w_o = attn.dense.weight.T.reshape(config.n_head, d_head, config.hidden_size)
            attention_sites(sites, at, q, k, v, run.attentions[i], causal(mask), w_o, attn.dense.bias,
                            attn.inv_norm_factor, bias=bias)
            x, y = seen[f"{i}.post_attention_layernorm"]
            sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = layer_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.dense_h_to_4h"][1]
            sites[at + "mlp.post"], sites[at + "mlp_out"] = seen[f"{i}.mlp.dense_4h_to_h"]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = layer_norm(seen["norm"][0], body.ln_f, seen["norm"][1])
        return sites

    return sites_of


RECIPES = [Recipe("bloom", bloom, sites, takes_positions=False)]
