import torch
from transformers import AutoModelForSeq2SeqLM, T5Config, T5ForConditionalGeneration

from common import PAD, TOKENS, Recipe, attention_sites, causal, heads, hooked, rms_norm
from seq2seq import cross_sites, make_seq2seq


def t5(**rest):
    # heads are wider than the model, and distances reach the buckets that grow
    return T5ForConditionalGeneration(T5Config(**TOKENS, decoder_start_token_id=PAD, d_model=16, d_kv=6, d_ff=24,
                                               num_heads=3, relative_attention_num_buckets=8,
                                               relative_attention_max_distance=12, **(dict(num_layers=2) | rest)))


def flan():
    model = t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_layers=1, num_decoder_layers=2)
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return model


def version_4(config):
    """The form in which the published checkpoints tell that the unembedding is a matrix of its own, and the class's first name."""
    del config["scale_decoder_outputs"]
    return config | {"architectures": ["T5WithLMHeadModel"], "tie_word_embeddings": False, "n_positions": 512,
                     "output_past": True}


PARTS = {"encoder": ["SelfAttention", "DenseReluDense"], "decoder": ["SelfAttention", "EncDecAttention", "DenseReluDense"]}


def spread(name, shape):
    """Small embeddings beside what blocks write, lest a tied unembedding repeats the token before."""
    if name.endswith("shared.weight"):
        return 0.0, 0.8
    return (0.0, round(5.0 * shape[1]**-0.5, 6)) if name.endswith((".o.weight", ".wo.weight")) else None


def sites(model):
    d_head, n_heads, d_model = model.config.d_kv, model.config.num_heads, model.config.d_model
    modules = {}
    for stack in ["encoder", "decoder"]:
        body = getattr(model, stack)
        modules |= {f"{stack}.embed": body.embed_tokens, f"{stack}.norm": body.final_layer_norm}
        for i, block in enumerate(body.block):
            modules[f"{stack}.{i}"] = block
            for layer, part in zip(block.layer, PARTS[stack]):
                inner = getattr(layer, part)
                modules |= {f"{stack}.{i}.{part}": inner, f"{stack}.{i}.{part}.norm": layer.layer_norm,
                            f"{stack}.{i}.{part}.layer": layer}
                modules |= {f"{stack}.{i}.{part}.{name}": child for name, child in inner.named_children()}
    seen = hooked(modules)

    def w_o(attn):
        return attn.o.weight.T.reshape(n_heads, d_head, d_model)

    def stack_sites(stack, run, mask, source_mask):
        body = getattr(model, stack)
        is_decoder = stack == "decoder"
        size = mask.shape[1]
        visible = causal(mask) if is_decoder else mask.bool()[:, None, None, :].expand(-1, 1, size, -1)
        bias = body.block[0].layer[0].SelfAttention.compute_bias(size, size)
        patterns = run.decoder_attentions if is_decoder else run.encoder_attentions
        sites = {f"{stack}.embed": seen[f"{stack}.embed"][1]}

        def norm(at, own, name):
            module = modules[f"{own}.norm"]
            sites[f"{at}{name}.normalized"] = rms_norm(seen[f"{own}.norm"][0], module, seen[f"{own}.norm"][1])

        for i, block in enumerate(body.block):
            at = f"{stack}.blocks.{i}."
            sites[at + "resid_pre"] = seen[f"{stack}.{i}"][0]
            own = f"{stack}.{i}.SelfAttention"
            norm(at, own, "ln1")
            q, k, v = (heads(seen[f"{own}.{name}"][1], d_head) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn_out": seen[own][1]}
            attention_sites(sites, at, q, k, v, patterns[i], visible, w_o(modules[own]), None, 1.0, bias=bias)
            sites[at + "resid_mid"] = seen[f"{own}.layer"][1]
            if is_decoder:
                own = f"{stack}.{i}.EncDecAttention"
                norm(at, own, "ln_cross")
                q, k, v = (heads(seen[f"{own}.{name}"][1], d_head) for name in "qkv")
                sites[at + "cross_out"] = seen[own][1]
                cross_sites(sites, at, q, k, v, run.cross_attentions[i], source_mask.bool()[:, None, None, :],
                            w_o(modules[own]), None, 1.0)
                sites[at + "resid_cross"] = seen[f"{own}.layer"][1]
            own = f"{stack}.{i}.DenseReluDense"
            norm(at, own, "ln2")
            if f"{own}.wi_0" in seen:
                sites |= {at + "mlp.gate": seen[f"{own}.wi_0"][1], at + "mlp.pre": seen[f"{own}.wi_1"][1]}
            else:
                sites[at + "mlp.pre"] = seen[f"{own}.wi"][1]
            sites |= {at + "mlp.post": seen[f"{own}.wo"][0], at + "mlp_out": seen[own][1]}
            sites[at + "resid_post"] = seen[f"{stack}.{i}"][1]
        sites[f"{stack}.ln_final.normalized"] = rms_norm(seen[f"{stack}.norm"][0], body.final_layer_norm,
                                                         seen[f"{stack}.norm"][1])
        return sites

    def sites_of(run, source_mask, target_mask):
        return stack_sites("encoder", run, source_mask, None) | stack_sites("decoder", run, target_mask, source_mask)

    return sites_of


WRITES = ("attn_out", "cross_out", "mlp_out")

RECIPES = [
    Recipe("t5", t5, sites, spread=spread, auto=AutoModelForSeq2SeqLM, make=make_seq2seq, writes=WRITES),
    Recipe("flan-t5", flan, sites, auto=AutoModelForSeq2SeqLM, make=make_seq2seq, writes=WRITES, config=version_4),
]
