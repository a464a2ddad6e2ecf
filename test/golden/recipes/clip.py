import torch
from transformers import (CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection)

from common import CLOSE, EOS, PAD, TOKENS, Recipe, causal, layer_norm
from recipes.vit import patches
from vision import make_vision, tower_of, watched

TOWER = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
VISION = dict(**TOWER, image_size=16, patch_size=8)
PARTS = dict(attn="self_attn", q="self_attn.q_proj", k="self_attn.k_proj", v="self_attn.v_proj", o="self_attn.out_proj",
             ln1="layer_norm1", ln2="layer_norm2", **{"in": "mlp.fc1", "out": "mlp.fc2"})
# The second text has its end before the last position, and after it a token of larger id than the end's.
TEXTS = torch.tensor([[5, 60, 28, EOS], [17, EOS, PAD, PAD]])


def clip():
    text = dict(**TOWER | dict(hidden_size=12, num_attention_heads=3), **TOKENS, max_position_embeddings=8)
    vision = VISION | dict(num_hidden_layers=1)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=10))


def vision_sites(body, scope=""):
    """What makes the sites of the tower for images."""
    modules, block_sites = tower_of(body.encoder.layers, lambda _: PARTS, scope)
    seen = watched({**modules, "pre": body.pre_layrnorm, "post": body.post_layernorm})
    embeddings = body.embeddings

    def sites_of(sites, pixels):
        sites[scope + "patch_embed"] = patches(embeddings.patch_embedding, pixels)
        sites[scope + "pos_embed"] = embeddings.position_embedding.weight[None]
        sites[scope + "ln_pre.normalized"] = layer_norm(seen["pre"][0], body.pre_layrnorm, seen["pre"][1])
        block_sites(sites, seen)
        torch.testing.assert_close(seen["pre"][1], sites[scope + "blocks.0.resid_pre"], **CLOSE)
        sites[scope + "ln_final.normalized"] = layer_norm(seen["post"][0], body.post_layernorm, seen["post"][1])
        sites[scope + "pooler"] = seen["post"][1]

    return sites_of


def text_sites(body):
    """What makes the sites of the tower for texts."""
    modules, block_sites = tower_of(body.encoder.layers, lambda _: PARTS, "text.")
    seen = watched({**modules, "final": body.final_layer_norm})
    embeddings = body.embeddings

    def sites_of(sites, pooled):
        sites["text.embed"] = embeddings.token_embedding(TEXTS)
        sites["text.pos_embed"] = embeddings.position_embedding.weight[None, :TEXTS.shape[1]]
        block_sites(sites, seen, causal(torch.ones_like(TEXTS)))
        sites["text.ln_final.normalized"] = layer_norm(seen["final"][0], body.final_layer_norm, seen["final"][1])
        sites["text.hidden"] = seen["final"][1]
        sites["text.pooler"] = pooled

    return sites_of


def both(model):
    of_vision, of_text = vision_sites(model.vision_model, "vision."), text_sites(model.text_model)

    def sites_of(run, pixels):
        sites = {}
        of_vision(sites, pixels)
        # the projection is the second number of what the tower returned
        ends = (TEXTS == EOS).int().argmax(-1)
        hidden = run.text_model_output.last_hidden_state
        of_text(sites, hidden[torch.arange(len(TEXTS)), ends])
        sites["image_embeds"] = model.visual_projection(sites["vision.pooler"])
        sites["text_embeds"] = model.text_projection(sites["text.pooler"])
        for name in ("image_embeds", "text_embeds"):
            unit = sites[name] / sites[name].norm(dim=-1, keepdim=True)
            torch.testing.assert_close(unit, getattr(run, name), **CLOSE)
        sites["logits"] = run.logits_per_image
        return sites

    return sites_of


def alone(model):
    of_vision = vision_sites(getattr(model, "vision_model", model))

    def sites_of(run, pixels):
        sites = {}
        of_vision(sites, pixels)
        if hasattr(run, "image_embeds"):
            sites["image_embeds"] = run.image_embeds
        return sites

    return sites_of


def spread(name, shape):
    """Positions that matter, and cosines that are multiplied by about 10."""
    if name.endswith("position_embedding.weight"):
        return 0.0, 0.7
    return (2.3, 0.1) if name == "logit_scale" else None


PIXELS = [[1, 3, 16, 16], [2, 3, 16, 16]]

RECIPES = [
    Recipe("clip", clip, both, auto=CLIPModel, spread=spread, make=make_vision,
           forward=dict(pixels=PIXELS, output="logits", input_ids=TEXTS)),
    Recipe("clip-vision", lambda: CLIPVisionModel(CLIPVisionConfig(**VISION, hidden_act="gelu")), alone, auto=CLIPVisionModel,
           spread=spread, make=make_vision, forward=dict(pixels=PIXELS, output="pooler")),
    Recipe("clip-vision-projected", lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=6)), alone,
           auto=CLIPVisionModelWithProjection, spread=spread, make=make_vision,
           forward=dict(pixels=PIXELS, output="image_embeds")),
]
