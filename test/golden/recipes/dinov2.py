import torch
from transformers import (Dinov2Config, Dinov2ForImageClassification, Dinov2Model, Dinov2WithRegistersConfig,
                          Dinov2WithRegistersForImageClassification, Dinov2WithRegistersModel)

from common import Recipe, layer_norm
from recipes.vit import ATTENTION, patches, spread
from vision import make_vision, tower_of, watched

SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8, mlp_ratio=2)
NORMS = dict(ln1="norm1", ln2="norm2", scale1="layer_scale1", scale2="layer_scale2")


def parts(block):
    gated = {"gate": "mlp.gate_proj", "in": "mlp.up_proj", "out": "mlp.down_proj"}
    plain = {"in": "mlp.fc1", "out": "mlp.fc2"}
    return ATTENTION | NORMS | (gated if hasattr(block.mlp, "gate_proj") else plain)


def sites(model):
    body = getattr(model, "dinov2", getattr(model, "dinov2_with_registers", model))
    modules, block_sites = tower_of(body.encoder.layer, parts)
    seen = watched({**modules, "ln_final": body.layernorm})
    embeddings = body.embeddings

    def sites_of(run, pixels):
        sites = {}
        sites["patch_embed"] = patches(embeddings.patch_embeddings.projection, pixels)
        with_class = torch.cat([embeddings.cls_token.expand(len(pixels), -1, -1), sites["patch_embed"]], 1)
        sites["pos_embed"] = embeddings.interpolate_pos_encoding(with_class, *pixels.shape[2:])
        block_sites(sites, seen)
        sites["ln_final.normalized"] = layer_norm(seen["ln_final"][0], body.layernorm, seen["ln_final"][1])
        sites["hidden"] = seen["ln_final"][1]
        if hasattr(run, "logits"):
            registers = getattr(model.config, "num_register_tokens", 0)
            patch_mean = sites["hidden"][:, 1 + registers:].mean(1)
            sites["pool"] = torch.cat([sites["hidden"][:, 0], patch_mean], 1)
            torch.testing.assert_close(model.classifier(sites["pool"]), run.logits)
            sites["logits"] = run.logits
        else:
            sites["pooler"] = run.pooler_output
        return sites

    return sites_of


RECIPES = [
    # Positions are stretched for the first batch and shrunk for the second.
    Recipe("dinov2", lambda: Dinov2Model(Dinov2Config(**SIZES)), sites, auto=Dinov2Model, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 32], [2, 3, 24, 24]], output="pooler")),
    Recipe("dinov2-gated", lambda: Dinov2ForImageClassification(Dinov2Config(**SIZES, use_swiglu_ffn=True, num_labels=5)), sites,
           auto=Dinov2ForImageClassification, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 24, 24], [2, 3, 18, 16]], output="logits")),
    Recipe("dinov2-registers",
           lambda: Dinov2WithRegistersForImageClassification(Dinov2WithRegistersConfig(**SIZES, num_register_tokens=2)), sites,
           auto=Dinov2WithRegistersForImageClassification, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 32], [2, 3, 24, 24]], output="logits")),
    Recipe("dinov2-registers-plain", lambda: Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES, num_register_tokens=1)),
           sites, auto=Dinov2WithRegistersModel, spread=spread, make=make_vision,
           forward=dict(pixels=[[1, 3, 32, 8], [2, 3, 24, 24]], output="pooler")),
]
