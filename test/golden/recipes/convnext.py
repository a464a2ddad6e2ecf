import torch
from transformers import ConvNextConfig, ConvNextForImageClassification, ConvNextModel

from common import CLOSE, Recipe, layer_norm
from vision import make_vision, watched


def convnext():
    return ConvNextModel(ConvNextConfig(num_stages=2, hidden_sizes=[8, 12], depths=[2, 1], patch_size=4, image_size=32))


def convnext_classes():
    # what blocks write is not scaled
    return ConvNextForImageClassification(ConvNextConfig(
        num_stages=2, hidden_sizes=[6, 8], depths=[1, 1], patch_size=2, image_size=16, layer_scale_init_value=0.0, num_labels=3))


def sites(model):
    body = getattr(model, "convnext", model)
    embeddings = body.embeddings
    modules = {"stem.conv": embeddings.patch_embeddings, "stem.ln": embeddings.layernorm, "ln_final": body.layernorm}
    blocks, halvings = {}, {}
    for i, stage in enumerate(body.encoder.stages):
        if len(stage.downsampling_layer) > 0:
            halvings[f"stages.{i}.down.ln"] = stage.downsampling_layer[0]
        blocks |= {f"stages.{i}.blocks.{j}.": block for j, block in enumerate(stage.layers)}
    modules |= halvings
    for at, block in blocks.items():
        modules |= {at + "block": block, at + "dwconv": block.dwconv, at + "ln": block.layernorm, at + "in": block.pwconv1,
                    at + "out": block.pwconv2}
    seen = watched(modules)
    rows = lambda x: x.permute(0, 2, 3, 1)
    stream = lambda x: x.permute(0, 3, 1, 2)

    def sites_of(run, pixels):
        of = lambda name: seen[name]
        sites = {"stem.conv": of("stem.conv")[1], "stem": of("stem.ln")[1]}
        for name, module in {"stem.ln": embeddings.layernorm, **halvings}.items():
            sites[f"{name}.normalized"] = layer_norm(rows(of(name)[0]), module, rows(of(name)[1]))
        for at, block in blocks.items():
            sites[at + "resid_pre"], sites[at + "resid_post"] = of(at + "block")[:2]
            sites[at + "dwconv"] = of(at + "dwconv")[1]
            sites[at + "ln.normalized"] = layer_norm(of(at + "ln")[0], block.layernorm, of(at + "ln")[1])
            sites[at + "mlp.pre"], sites[at + "mlp.post"] = of(at + "in")[1], of(at + "out")[0]
            out = of(at + "out")[1]
            if block.layer_scale_parameter is not None:
                sites[at + "mlp.raw_out"] = out
                out = out * block.layer_scale_parameter
            sites[at + "mlp_out"] = stream(out)
            torch.testing.assert_close(sites[at + "resid_pre"] + sites[at + "mlp_out"], sites[at + "resid_post"], **CLOSE)
        sites["pool"] = of("ln_final")[0]
        sites["ln_final.normalized"] = layer_norm(of("ln_final")[0], body.layernorm, of("ln_final")[1])
        sites["pooler"] = of("ln_final")[1]
        if hasattr(run, "logits"):
            sites["logits"] = run.logits
        return sites

    return sites_of


RECIPES = [
    Recipe("convnext", convnext, sites, auto=ConvNextModel, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 24], [2, 3, 18, 19]], output="pooler")),
    Recipe("convnext-classes", convnext_classes, sites, auto=ConvNextForImageClassification, make=make_vision,
           forward=dict(pixels=[[1, 3, 16, 16], [2, 3, 12, 20]], output="logits")),
]
