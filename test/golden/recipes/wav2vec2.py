import torch
from transformers import (AutoModel, AutoModelForCTC, Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining,
                          Wav2Vec2Model)

from audio import make_audio
from common import CLOSE, Recipe, attention_sites, heads, hooked, layer_norm


def config(**other):
    return Wav2Vec2Config(**{"vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
                             "num_attention_heads": 4, "conv_dim": (8, 8, 6), "conv_stride": (5, 3, 2),
                             "conv_kernel": (10, 3, 3), "num_conv_pos_embeddings": 6,
                             "num_conv_pos_embedding_groups": 2, **other})


def spread(name, shape):
    """Lengths of kernels are positive."""
    return (1.0, 0.4) if name.endswith("original0") else None


def over_time(x, module, out):
    """What a group norm with one channel a group makes of [batch, channel, time], before gain and bias."""
    normalized = (x - x.mean(-1, keepdim=True)) * (x.var(-1, unbiased=False, keepdim=True) + module.eps).rsqrt()
    torch.testing.assert_close(normalized * module.weight[:, None] + module.bias[:, None], out, **CLOSE)
    return normalized


def over_channels(x, module, out):
    """What a layer norm makes of [batch, time, channel], before gain and bias, as [batch, channel, time]."""
    return layer_norm(x, module, out).transpose(1, 2)


def sites(model):
    body = getattr(model, "wav2vec2", model)
    layers = body.feature_extractor.conv_layers
    encoder, project = body.encoder, body.feature_projection
    stable = model.config.do_stable_layer_norm
    modules = {"features": project, "ln_features": project.layer_norm, "project": project.projection,
               "pos": encoder.pos_conv_embed, "norm": encoder.layer_norm}
    for i, layer in enumerate(layers):
        modules |= {f"conv.{i}": layer.conv, f"act.{i}": layer.activation}
        if hasattr(layer, "layer_norm"):
            modules[f"ln.{i}"] = layer.layer_norm
    for i, block in enumerate(encoder.layers):
        own, feed = block.attention, block.feed_forward
        modules |= {f"{i}": block, f"{i}.q": own.q_proj, f"{i}.k": own.k_proj, f"{i}.v": own.v_proj,
                    f"{i}.o": own.out_proj, f"{i}.ln1": block.layer_norm, f"{i}.ln2": block.final_layer_norm,
                    f"{i}.up": feed.intermediate_dense, f"{i}.down": feed.output_dense}
    seen = hooked(modules)
    n_heads = model.config.num_attention_heads
    d_head = model.config.hidden_size // n_heads

    def sites_of(run, mask):
        sites = {}
        for i, layer in enumerate(layers):
            at = f"features.{i}."
            if f"ln.{i}" in seen:
                norm = over_channels if model.config.feat_extract_norm == "layer" else over_time
                x, y = seen[f"ln.{i}"]
                sites[at + "ln.normalized"] = norm(x, layer.layer_norm, y)
            sites[at + "pre"], sites[at + "post"] = seen[f"act.{i}"]
        sites["features"] = seen["features"][0]
        sites["ln_features.normalized"] = layer_norm(*seen["ln_features"][:1], project.layer_norm, seen["ln_features"][1])
        sites["projected"] = seen["project"][1]
        sites["pos_embed"] = seen["pos"][1]
        total = seen["pos"][0] + sites["pos_embed"]
        if not stable:
            torch.testing.assert_close(total, seen["norm"][0])
            sites["ln_embed.normalized"] = layer_norm(total, encoder.layer_norm, seen["norm"][1])
        for i, block in enumerate(encoder.layers):
            at = f"blocks.{i}."
            before, after = seen[f"{i}"]
            sites |= {at + "resid_pre": before, at + "resid_post": after}
            if i == 0:
                torch.testing.assert_close(before, total if stable else seen["norm"][1])
            q, k, v = (heads(seen[f"{i}.{name}"][1], d_head) for name in "qkv")
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn_out": seen[f"{i}.o"][1]}
            o = block.attention.out_proj
            visible = mask[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
            attention_sites(sites, at, q, k, v, run.attentions[i], visible, o.weight.T.reshape(n_heads, d_head, -1),
                            o.bias, d_head**-0.5)
            for name, module in (("ln1", block.layer_norm), ("ln2", block.final_layer_norm)):
                sites[f"{at}{name}.normalized"] = layer_norm(seen[f"{i}.{name}"][0], module, seen[f"{i}.{name}"][1])
            sites |= {at + "mlp.pre": seen[f"{i}.up"][1], at + "mlp.post": seen[f"{i}.down"][0],
                      at + "mlp_out": seen[f"{i}.down"][1]}
            middle = before + sites[at + "attn_out"]
            sites[at + "resid_mid"] = middle if stable else seen[f"{i}.ln1"][1]
            torch.testing.assert_close(middle, seen[f"{i}.ln2" if stable else f"{i}.ln1"][0])
            end = sites[at + "resid_mid"] + sites[at + "mlp_out"]
            torch.testing.assert_close(end, after if stable else seen[f"{i}.ln2"][0])
        sites["hidden"] = sites[at + "resid_post"]
        if stable:
            sites["hidden"] = seen["norm"][1]
            sites["ln_final.normalized"] = layer_norm(seen["norm"][0], encoder.layer_norm, seen["norm"][1])
        return sites

    return sites_of


def as_on_the_hub(config):
    """The same config as transformers 4 wrote it, with keys that first checkpoints have."""
    del config["dtype"]
    return config | {"gradient_checkpointing": False, "hidden_dropout_prob": 0.1, "feat_extract_dropout": 0.0,
                     "transformers_version": "4.7.0"}


def recipe(name, build, auto, **more):
    return Recipe(name, build, sites, auto=auto, spread=spread, make=make_audio, **more)


RECIPES = [
    recipe("wav2vec2-group", lambda: Wav2Vec2Model(config()), AutoModel),
    recipe("wav2vec2-layer", lambda: Wav2Vec2ForCTC(config(feat_extract_norm="layer", do_stable_layer_norm=True,
                                                           conv_bias=True)), AutoModelForCTC),
    recipe("wav2vec2-group-ctc", lambda: Wav2Vec2ForCTC(config(num_hidden_layers=1)), AutoModelForCTC,
           config=as_on_the_hub),
    recipe("wav2vec2-pretraining", lambda: Wav2Vec2ForPreTraining(config(
        num_hidden_layers=1, feat_extract_norm="layer", num_conv_pos_embeddings=5, hidden_act="gelu_new",
        codevector_dim=8, proj_codevector_dim=8, num_codevectors_per_group=4)), AutoModel),
]
