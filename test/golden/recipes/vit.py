import torch
from transformers import ViTConfig, ViTForImageClassification, ViTModel

from common import CLOSE, Recipe, layer_norm
from vision import make_vision, tower_of, watched

SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=8)
ATTENTION = dict(attn="attention", q="attention.q_proj", k="attention.k_proj", v="attention.v_proj", o="attention.o_proj")
PARTS = dict(**ATTENTION, ln1="layernorm_before", ln2="layernorm_after", **{"in": "mlp.fc1", "out": "mlp.fc2"})


def vit():
    # images are higher than wide, patches too, and the pooler has a size of its own
    return ViTModel(ViTConfig(**SIZES | dict(image_size=(16, 12), patch_size=(8, 6)), qkv_bias=False, pooler_output_size=10))


def vit_classes():
    labels = {i: name for i, name in enumerate(["cat", "dog", "fish"])}
    return ViTForImageClassification(ViTConfig(**SIZES, layer_norm_eps=1e-5, id2label=labels))


def patches(projection, pixels):
    """Every patch's embedding, [batch, patch, dModel]."""
    return projection(pixels).flatten(2).transpose(1, 2)


def sites(model):
    body = getattr(model, "vit", model)
    modules, block_sites = tower_of(body.layers, lambda _: PARTS)
    seen = watched({**modules, "ln_final": body.layernorm})
    embeddings = body.embeddings

    def sites_of(run, pixels):
        sites = {}
        sites["patch_embed"] = patches(embeddings.patch_embeddings.projection, pixels)
        sites["pos_embed"] = embeddings.position_embeddings
        block_sites(sites, seen)
        start = torch.cat([embeddings.cls_token.expand(len(pixels), -1, -1), sites["patch_embed"]], 1) + sites["pos_embed"]
        torch.testing.assert_close(start, sites["blocks.0.resid_pre"], **CLOSE)
        sites["ln_final.normalized"] = layer_norm(seen["ln_final"][0], body.layernorm, seen["ln_final"][1])
        sites["hidden"] = seen["ln_final"][1]
        if hasattr(run, "logits"):
            sites["logits"] = run.logits
        else:
            sites["pooler"] = run.pooler_output
        return sites

    return sites_of


def spread(name, shape):
    """Positions that matter."""
    return (0.0, 0.7) if name.endswith("position_embeddings") else None


RECIPES = [
    Recipe("vit", vit, sites, auto=ViTModel, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 12], [2, 3, 16, 12]], output="pooler")),
    Recipe("vit-classes", vit_classes, sites, auto=ViTForImageClassification, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 16], [2, 3, 16, 16]], output="logits")),
]
