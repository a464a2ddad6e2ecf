import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration

from common import BOS, CLOSE, HERE, TOKENS, Recipe, fill, layer_norm, made_up, opened, write
from recipes import llama
from recipes.clip import PARTS, spread
from recipes.vit import patches
from vision import tower_of, watched

IMAGE = 100
GREEDY_TOKENS = 12
VISION = dict(model_type="clip_vision_model", hidden_size=8, intermediate_size=12, num_hidden_layers=3, num_attention_heads=2,
              image_size=16, patch_size=8)
TEXT = dict(**TOKENS, hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            head_dim=6, max_position_embeddings=64)


def llava():
    """Of the three blocks of the tower two are read."""
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=VISION, text_config=dict(model_type="llama", **TEXT), image_token_index=IMAGE, image_seq_length=4))


def llava_full():
    """The class token is read too, before the first block and after the last; the language network has windows."""
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=VISION | dict(num_hidden_layers=1), text_config=dict(model_type="mistral", sliding_window=4, **TEXT),
        image_token_index=IMAGE, image_seq_length=5, vision_feature_layer=[-1, 0], vision_feature_select_strategy="full",
        multimodal_projector_bias=False, projector_hidden_act="relu"))


def length(config):
    """Places that an image takes."""
    return 4 + (config.vision_feature_select_strategy == "full")


def prompts(config):
    one = [IMAGE] * length(config)
    return [[BOS, 60, *one, 28], [*one, 17, 93, *one, 4, 55, 61]]


# How many images each prompt has.
IMAGES = [1, 2]


def pixels(prompt):
    return torch.from_numpy(made_up(f"pixels/{prompt}", (IMAGES[prompt], 3, 16, 16), 0, 0.0, 1.0))


def sites(model):
    config, body = model.config, model.model
    tower, projector = body.vision_tower, body.multi_modal_projector
    text = SimpleNamespace(model=body.language_model, config=config.text_config)
    language_sites = llama.sites(text)
    nLayers = config.vision_config.num_hidden_layers
    layers = config.vision_feature_layer
    read = [layer % (nLayers + 1) for layer in (layers if isinstance(layers, list) else [layers])]
    blocks = tower.encoder.layers[:max(read)]
    modules, block_sites = tower_of(blocks, lambda _: PARTS, "vision.")
    seen = watched({**modules, "pre": tower.pre_layrnorm, "first": projector.linear_1, "second": projector.linear_2})

    def sites_of(run, mask, position_ids, images):
        own = {"vision.patch_embed": patches(tower.embeddings.patch_embedding, images),
               "vision.pos_embed": tower.embeddings.position_embedding.weight[None],
               "vision.ln_pre.normalized": layer_norm(seen["pre"][0], tower.pre_layrnorm, seen["pre"][1])}
        block_sites(own, seen)
        own |= {"vision.features": seen["first"][0], "projector.pre": seen["first"][1], "projector.post": seen["second"][0],
                "image_features": seen["second"][1]}
        states = [seen["pre"][1], *(own[f"vision.blocks.{i}.resid_post"] for i in range(len(blocks)))]
        again = torch.cat([states[i][:, config.vision_feature_select_strategy == "default":] for i in read], -1)
        torch.testing.assert_close(again, own["vision.features"], **CLOSE)
        all_sites = language_sites(run, mask, position_ids) | own
        # images have taken their places
        all_sites["embed"] = all_sites["blocks.0.resid_pre"]
        all_sites["logits"] = run.logits
        return all_sites

    return sites_of


def greedy(model, ids, images):
    """The most likely continuation, if the runner-up is always clearly behind and no image is among it."""
    out = []
    for _ in range(GREEDY_TOKENS):
        given = torch.tensor([ids + out])
        best = model(input_ids=given, attention_mask=torch.ones_like(given), pixel_values=images).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 0.02 or best.indices[0] == IMAGE:
            return None
        out.append(int(best.indices[0]))
    return out


def make_vision_language(recipe):
    """Writes config.json and golden.safetensors: like those of decoders, and `pixels` I64 [2, 4], the shapes of both prompts' images."""
    folder = HERE / recipe.name
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe.build().save_pretrained(work)
        for seed in range(200):
            made = fill(work, seed, recipe.spread)
            model = opened(recipe, work)
            rows = prompts(model.config)
            continuations = [greedy(model, ids, pixels(i)) for i, ids in enumerate(rows)]
            if all(continuations):
                break
        else:
            raise RuntimeError(f"{recipe.name}: no seed below 200 has a clear greedy continuation")
        sites_of = recipe.sites(model)
        golden = {"pixels": torch.tensor([pixels(i).shape for i in range(2)])}
        for i, ids in enumerate(rows):
            tensor = torch.tensor([ids])
            mask = torch.ones_like(tensor)
            run = model(input_ids=tensor, attention_mask=mask, pixel_values=pixels(i), output_attentions=True)
            found = sites_of(run, mask, mask.cumsum(-1) - 1, pixels(i))
            kept = found if i == 0 else {"logits": found["logits"]}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
            golden |= {f"{i}/input_ids": tensor, f"{i}/greedy": torch.tensor([continuations[i]])}
        write(recipe, work, folder, golden, made, seed, "vision-language")
    print(f"{recipe.name}: seed {seed}, {len(golden)} tensors, {sum(f.stat().st_size for f in folder.iterdir())} bytes")


RECIPES = [
    Recipe(name, build, sites, auto=LlavaForConditionalGeneration, spread=spread, make=make_vision_language)
    for name, build in [("llava", llava), ("llava-full", llava_full)]
]
