"""What the recipes of networks that look at images share.

golden.safetensors holds

    0/<site>        F32: every site of the first batch of pixels
    1/<output>      F32: the output of the second batch, which is larger in some way
    pixels          I64 [2, 4]: the shapes of both batches; their numbers are made like weights, from the names pixels/0 and /1
    tokens          I64 [text, pos]: the texts, for networks that read
"""

import tempfile
from pathlib import Path

import torch

from common import CLOSE, HERE, attention_sites, fill, heads, layer_norm, made_up, opened, write


def make_vision(recipe):
    """Writes config.json and golden.safetensors of a network that looks at images."""
    seed, folder = 0, HERE / recipe.name
    shapes = recipe.forward["pixels"]
    given = {key: value for key, value in recipe.forward.items() if key not in ("pixels", "output")}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe.build().save_pretrained(work)
        made = fill(work, seed, recipe.spread)
        model = opened(recipe, work)
        sites_of = recipe.sites(model)
        golden = {"pixels": torch.tensor(shapes)}
        if "input_ids" in given:
            golden["tokens"] = given["input_ids"]
        for i, shape in enumerate(shapes):
            pixels = torch.from_numpy(made_up(f"pixels/{i}", shape, seed, 0.0, 1.0))
            sites = sites_of(model(pixel_values=pixels, **given), pixels)
            kept = sites if i == 0 else {recipe.forward["output"]: sites[recipe.forward["output"]]}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
        write(recipe, work, folder, golden, made, seed, "vision")
    print(f"{recipe.name}: {len(golden)} tensors, {sum(f.stat().st_size for f in folder.iterdir())} bytes")


def watched(modules):
    """A dict that fills with each module's (input, output, second output) at the next forward."""
    seen = {}

    def watch(name):
        def hook(_module, args, kwargs, output):
            first = args[0] if args else kwargs.get("hidden_states", kwargs.get("inputs_embeds"))
            outs = output if isinstance(output, tuple) else (output, None)
            seen[name] = (first, *outs[:2])
        return hook

    for name, module in modules.items():
        module.register_forward_hook(watch(name), with_kwargs=True)
    return seen


def block_modules(block, parts):
    """The modules of a block by the names that `block_sites` wants; `parts` says what the block calls them."""
    modules = {"block": block}
    for name, path in parts.items():
        module = block
        for part in path.split("."):
            module = getattr(module, part)
        modules[name] = module
    return modules


def block_sites(sites, at, block, modules, seen, visible=None):
    """Sites of a transformer's block from hooks on q, k, v, o, attn, ln1, ln2, the hidden layers of the MLP and layer scales."""
    of = lambda name: seen[at + name]
    own = modules
    sites[at + "resid_pre"] = of("block")[0]
    sites[at + "ln1.normalized"] = layer_norm(of("ln1")[0], own["ln1"], of("ln1")[1])
    size = own["attn"].head_dim
    q, k, v = (heads(of(name)[1], size) for name in "qkv")
    sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v}
    out = of("o")[1]
    scaled = "scale1" in own
    if scaled:
        sites[at + "attn.raw_out"] = out
    sites[at + "attn_out"] = of("scale1")[1] if scaled else out
    sites[at + "resid_mid"] = of("ln2")[0]
    torch.testing.assert_close(sites[at + "resid_pre"] + sites[at + "attn_out"], sites[at + "resid_mid"], **CLOSE)
    sites[at + "ln2.normalized"] = layer_norm(of("ln2")[0], own["ln2"], of("ln2")[1])
    if "gate" in own:
        sites[at + "mlp.gate"] = of("gate")[1]
    sites[at + "mlp.pre"] = of("in")[1]
    sites[at + "mlp.post"] = of("out")[0]
    if scaled:
        sites[at + "mlp.raw_out"] = of("out")[1]
    sites[at + "mlp_out"] = of("scale2")[1] if scaled else of("out")[1]
    sites[at + "resid_post"] = of("block")[1]
    torch.testing.assert_close(sites[at + "resid_mid"] + sites[at + "mlp_out"], sites[at + "resid_post"], **CLOSE)
    pattern = of("attn")[2]
    if visible is None:
        visible = torch.ones(pattern.shape[-2:], dtype=torch.bool).expand(pattern.shape[0], 1, -1, -1)
    w_o = own["o"].weight.T.reshape(q.shape[2], size, -1)
    attention_sites(sites, at, q, k, v, pattern, visible, w_o, own["o"].bias, size**-0.5,
                    out="attn.raw_out" if scaled else "attn_out")


def tower_of(blocks, parts, scope=""):
    """Modules to watch in all blocks of a tower, and what makes their sites of what was seen."""
    by_block = {f"{scope}blocks.{i}.": block_modules(block, parts(block)) for i, block in enumerate(blocks)}
    modules = {at + name: module for at, own in by_block.items() for name, module in own.items()}

    def sites_of(sites, seen, visible=None):
        for at, own in by_block.items():
            block_sites(sites, at, own["block"], own, seen, visible)

    return modules, sites_of
