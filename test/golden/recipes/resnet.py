import torch
from transformers import ResNetConfig, ResNetForImageClassification, ResNetModel

from common import CLOSE, Recipe
from vision import make_vision, watched


def resnet():
    # A quarter of the channels in the middle of each block; the second block of a stage has no projection.
    return ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[2, 1], downsample_in_bottleneck=True))


def resnet_basic():
    return ResNetForImageClassification(ResNetConfig(
        embedding_size=4, hidden_sizes=[6, 8], depths=[1, 2], layer_type="basic", downsample_in_first_stage=True, num_labels=4))


def sites(model):
    body = getattr(model, "resnet", model)
    stem = body.embedder
    modules = {"stem.": stem.embedder.normalization, "stem": stem}
    blocks = {f"stages.{i}.blocks.{j}.": block for i, stage in enumerate(body.encoder.stages)
              for j, block in enumerate(stage.layers)}
    for at, block in blocks.items():
        modules[at] = block
        modules |= {f"{at}{k}": conv for k, conv in enumerate(block.layer)}
        modules |= {f"{at}{k}.norm": conv.normalization for k, conv in enumerate(block.layer)}
        modules[at + "shortcut"] = block.shortcut
    # ResNet adds in place, so what hooks see is copied
    seen = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda _module, args, output, name=name: seen.update({name: (args[0].clone(), output.clone())}))

    def sites_of(run, pixels):
        sites = {"stem.pre": seen["stem."][1], "stem.post": stem.embedder.activation(seen["stem."][1]), "stem": seen["stem"][1]}
        for at, block in blocks.items():
            last = len(block.layer) - 1
            sites[at + "resid_pre"] = seen[at][0]
            for k in range(last):
                sites[f"{at}conv{k + 1}.pre"] = seen[f"{at}{k}.norm"][1]
                sites[f"{at}conv{k + 1}.post"] = seen[f"{at}{k}"][1]
            sites[at + "conv_out"] = seen[f"{at}{last}"][1]
            stream = seen[at][0]
            if not isinstance(block.shortcut, torch.nn.Identity):
                stream = sites[at + "shortcut"] = seen[at + "shortcut"][1]
            sites[at + "resid_mid"] = stream + sites[at + "conv_out"]
            sites[at + "resid_post"] = seen[at][1]
            torch.testing.assert_close(block.activation(sites[at + "resid_mid"]), sites[at + "resid_post"], **CLOSE)
        sites["pool"] = sites[at + "resid_post"].mean((2, 3))
        if hasattr(run, "logits"):
            sites["logits"] = run.logits
        else:
            torch.testing.assert_close(sites["pool"], run.pooler_output.flatten(1), **CLOSE)
        return sites

    return sites_of


RECIPES = [
    Recipe("resnet", resnet, sites, auto=ResNetModel, make=make_vision,
           forward=dict(pixels=[[1, 3, 32, 24], [2, 3, 33, 20]], output="pool")),
    Recipe("resnet-basic", resnet_basic, sites, auto=ResNetForImageClassification, make=make_vision,
           forward=dict(pixels=[[1, 3, 32, 32], [2, 3, 16, 40]], output="logits")),
]
