import torch
from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification,
                          AutoModelForTokenClassification, ModernBertConfig, ModernBertForMaskedLM,
                          ModernBertForSequenceClassification, ModernBertForTokenClassification, ModernBertModel)
from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb

from common import TOKENS, Recipe, attention_sites, hooked, layer_norm
from encoders import make_encoder, mean, pair_mask


# As of BERT: one golden is wide, those of other heads are narrow.
WIDE = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=3)
NARROW = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1)


def config(size=NARROW, **other):
    # a reach of two positions on either side, so that the prompt of six tokens is longer than the window
    return ModernBertConfig(**{**TOKENS, **size, "num_attention_heads": 2, "max_position_embeddings": 80,
                               "local_attention": 4, "cls_token_id": 2, "sep_token_id": 3, **other})


def sites(model):
    body = model if isinstance(model, ModernBertModel) else model.model
    modules = {"embed": body.embeddings.tok_embeddings, "embed_norm": body.embeddings.norm, "norm": body.final_norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["attn_norm", "attn.Wqkv", "attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo"]}
        modules[f"{i}"] = block
    if hasattr(model, "head"):
        modules |= {"dense": model.head.dense, "head_norm": model.head.norm}
    seen = hooked(modules)
    n_heads, d_head = model.config.num_attention_heads, model.config.hidden_size // model.config.num_attention_heads

    def sites_of(run, mask):
        positions = torch.arange(mask.shape[1])[None]
        x, y = seen["embed_norm"]
        sites = {"embed": x, "ln_embed.normalized": layer_norm(x, body.embeddings.norm, y)}
        for i, block in enumerate(body.layers):
            at = f"blocks.{i}."
            kind = model.config.layer_types[i]
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            if i > 0:
                x, y = seen[f"{i}.attn_norm"]
                sites[at + "ln1.normalized"] = layer_norm(x, block.attn_norm, y)
            q, k, v = seen[f"{i}.attn.Wqkv"][1].view(*mask.shape, 3, n_heads, d_head).unbind(2)
            cos, sin = body.rotary_emb(x, positions, kind)
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.attn.Wo"][1]}
            reach = model.config.local_attention // 2 if kind == "sliding_attention" else None
            o = block.attn.Wo
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], pair_mask(mask, reach),
                            o.weight.T.reshape(n_heads, d_head, -1), o.bias, d_head**-0.5)
            x, y = seen[f"{i}.mlp_norm"]
            torch.testing.assert_close(sites[at + "resid_pre"] + sites[at + "attn_out"], x)
            sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = layer_norm(x, block.mlp_norm, y)
            gate, pre = seen[f"{i}.mlp.Wi"][1].chunk(2, dim=-1)
            sites |= {at + "mlp.gate": gate, at + "mlp.pre": pre, at + "mlp.post": seen[f"{i}.mlp.Wo"][0],
                      at + "mlp_out": seen[f"{i}.mlp.Wo"][1], at + "resid_post": seen[f"{i}"][1]}
        x, y = seen["norm"]
        sites |= {"ln_final.normalized": layer_norm(x, body.final_norm, y), "hidden": y}
        if "dense" in seen:
            sites["head.pre"] = seen["dense"][1]
            sites["head.ln.normalized"] = layer_norm(seen["head_norm"][0], model.head.norm, seen["head_norm"][1])
            if model.config.classifier_pooling == "mean" and run.logits.dim() == 2:
                torch.testing.assert_close(mean(y, mask), seen["dense"][0])
        return sites

    return sites_of


def as_transformers_4(config):
    """The same config as transformers 4 wrote it."""
    config.pop("layer_types")
    config.pop("rope_parameters")
    dtype = config.pop("dtype")
    return config | {"torch_dtype": dtype, "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
                     "local_rope_theta": 10000.0, "position_embedding_type": "absolute", "repad_logits_with_grad": False,
                     "transformers_version": "4.57.1"}


def recipe(name, build, auto, **more):
    return Recipe(name, build, sites, auto=auto, make=make_encoder, **more)


RECIPES = [
    recipe("modernbert", lambda: ModernBertForMaskedLM(config(WIDE)), AutoModelForMaskedLM, config=as_transformers_4),
    recipe("modernbert-plain", lambda: ModernBertModel(config(
        num_hidden_layers=2, attention_bias=True, mlp_bias=True, norm_bias=True,
        layer_types=["sliding_attention", "full_attention"])), AutoModel),
    recipe("modernbert-classes", lambda: ModernBertForSequenceClassification(config(
        classifier_pooling="mean", classifier_bias=True, classifier_activation="silu", num_labels=3)), AutoModelForSequenceClassification),
    recipe("modernbert-tags", lambda: ModernBertForTokenClassification(config(num_labels=3)),
           AutoModelForTokenClassification),
]
