"""The Python side of the benchmarks: PyTorch and TransformerLens, timed in one process that stays up.

    python peer.py               reads {"task": NAME, "args": {...}} lines, answers one line of JSON each
    python peer.py --once NAME [ARGS]   builds, runs the task once, and reports the peak memory of this fresh process

An answer is {"ms", "peer", "result", "peakRssMb", "restRssMb"}: the time of the work alone, what did it, numbers to
compare with ours, the process's peak so far, and its memory before the work. A failure is {"error": SENTENCE}. With
"onlyPrepare": true the task is made ready and not run, and the answer is {"peer"}.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import resource
import sys
import time
from functools import cache, partial

os.environ["TQDM_DISABLE"] = "1"  # patching draws a bar per call
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may touch the network
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

THREADS = 2
GPT2_SMALL = dict(n_layers=12, d_model=768, n_heads=12, d_mlp=3072, d_vocab=50257, n_ctx=1024)
TRAINED = dict(n_layers=6, d_model=256, n_heads=8, d_mlp=1024, d_vocab=4096, n_ctx=128)
ANSWER, OTHER = 5, 7  # the logit difference that is explained is logits[ANSWER] - logits[OTHER]


# -- the same numbers as weights.ts ------------------------------------------------------------------------------------


def fnv1a(text):
    hashed = 0x811C9DC5
    for byte in text.encode():
        hashed = ((hashed ^ byte) * 0x01000193) & 0xFFFFFFFF
    return hashed


def hashed_words(name, start, count):
    import numpy as np

    x = np.arange(start, start + count, dtype=np.uint32) ^ np.uint32(fnv1a(name))
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def fill(parameter, name, n_layers):
    """Writes the hashed values of `name` into a tensor, a million at a time so that memory does not peak here."""
    import numpy as np
    import torch

    std = 0.02 / math.sqrt(2 * n_layers) if name.endswith("c_proj.weight") else 0.02
    width = np.float32(std * math.sqrt(12))
    centre = np.float32(1 if re.search(r"ln_(1|2|f)\.weight$", name) else 0)
    flat = parameter.data.view(-1)
    step = 1 << 20
    for start in range(0, flat.numel(), step):
        count = min(step, flat.numel() - start)
        unit = (hashed_words(name, start, count) >> np.uint32(8)).astype(np.float32)
        unit = unit * np.float32(2**-24) - np.float32(0.5)
        flat[start : start + count] = torch.from_numpy(unit * width + centre)


def prompt(name, count, d_vocab):
    import torch

    return torch.from_numpy((hashed_words(name, 0, count) % d_vocab).astype("int64"))


# -- GPT-2 in TransformerLens ------------------------------------------------------------------------------------------


@cache
def hugging_face_gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    s = GPT2_SMALL
    config = GPT2Config(
        n_layer=s["n_layers"],
        n_embd=s["d_model"],
        n_head=s["n_heads"],
        n_positions=s["n_ctx"],
        vocab_size=s["d_vocab"],
        attn_implementation="eager",
    )
    model = GPT2LMHeadModel(config).eval()
    for name, parameter in model.transformer.named_parameters():
        fill(parameter, name, s["n_layers"])
    return model, config


@cache
def lens():
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    model, config = hugging_face_gpt2()
    return build_bridge_from_module(model, "GPT2LMHeadModel", hf_config=config, device="cpu").eval()


@cache
def lens_name():
    from importlib.metadata import version

    return f"TransformerLens {version('transformer-lens')}, PyTorch {version('torch')}"


def logit_difference(logits):
    return logits[0, -1, ANSWER] - logits[0, -1, OTHER]


def forward(pos=128):
    """All logits, no hooks. `result`: the logits of tokens 0..7 at the first, a middle and the last position."""
    import torch

    model, tokens = lens(), prompt("clean", pos, GPT2_SMALL["d_vocab"])[None]

    def work():
        with torch.inference_mode():
            return model(tokens)

    return work, lens_name(), lambda logits: logits[0, [0, pos // 2, pos - 1], :8].flatten().tolist()


def run_with_cache(pos=128):
    """Every activation of one forward. `result`: the first four numbers of each block's output, last position."""
    import torch

    model, tokens = lens(), prompt("clean", pos, GPT2_SMALL["d_vocab"])[None]

    def work():
        with torch.inference_mode():
            return model.run_with_cache(tokens)

    def read(out):
        layers = range(GPT2_SMALL["n_layers"])
        return [v for i in layers for v in out[1][f"blocks.{i}.hook_resid_post"][0, -1, :4].tolist()]

    return work, lens_name(), read


def attribution_patching(pos=128):
    """(clean - corrupted) * gradient, summed over the model axis, at every head's z, attn_out and mlp_out.

    TransformerLens' own cache function makes the caches; its scoring loop, one Python step a node, is replaced by one
    product a site, which is faster. `result`: per layer, the sum over heads and positions of z, attn_out, mlp_out.
    """
    import torch
    from transformer_lens.tools.analysis.attribution_patching import cache_activation_and_gradient

    model, vocabulary = lens(), GPT2_SMALL["d_vocab"]
    clean, corrupted = prompt("clean", pos, vocabulary)[None], prompt("corrupted", pos, vocabulary)[None]
    sites = ("attn.hook_z", "hook_attn_out", "hook_mlp_out")
    names = [f"blocks.{i}.{site}" for i in range(GPT2_SMALL["n_layers"]) for site in sites]
    # A backward hook fires only above the lowest point that is asked for, hence the embedding below all of them.
    caches = partial(cache_activation_and_gradient, metric_fn=logit_difference, names_filter=["hook_embed", *names])

    def work():
        with torch.no_grad():
            there = caches(model, clean, compute_gradient=False)
        here = caches(model, corrupted)
        return {
            name: ((there.activations[name] - here.activations[name]) * here.gradients[name]).sum(-1)
            for name in names
        }

    return work, lens_name(), lambda scores: [scores[name].sum().item() for name in names]


def patching_grid(pos=16):
    """Layer x position patching of resid_pre by TransformerLens' loop. `result`: the grid, layer by layer."""
    import torch
    from transformer_lens import patching

    model, vocabulary = lens(), GPT2_SMALL["d_vocab"]
    clean, corrupted = prompt("clean", pos, vocabulary)[None], prompt("corrupted", pos, vocabulary)[None]

    def work():
        with torch.inference_mode():
            keep = lambda name: name.endswith("hook_resid_pre")
            _, there = model.run_with_cache(clean, names_filter=keep)
            return patching.get_act_patch_resid_pre(model, corrupted, there, logit_difference)

    return work, lens_name(), lambda grid: grid.flatten().tolist()


# -- a training step in PyTorch ----------------------------------------------------------------------------------------


@cache
def decoder():
    """A GPT-2 as people write it by hand: fused qkv, scaled_dot_product_attention, tanh GELU, tied unembedding."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    s = TRAINED
    d, heads = s["d_model"], s["n_heads"]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.c_attn, self.attn_proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.c_fc, self.mlp_proj = nn.Linear(d, s["d_mlp"]), nn.Linear(s["d_mlp"], d)

        def forward(self, x):
            batch, pos, _ = x.shape
            q, k, v = self.c_attn(self.ln_1(x)).split(d, dim=2)
            q, k, v = (t.view(batch, pos, heads, d // heads).transpose(1, 2) for t in (q, k, v))
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.attn_proj(z.transpose(1, 2).reshape(batch, pos, d))
            return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(s["d_vocab"], d), nn.Embedding(s["n_ctx"], d)
            self.h = nn.ModuleList(Block() for _ in range(s["n_layers"]))
            self.ln_f = nn.LayerNorm(d)

        def forward(self, tokens):
            x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
            for block in self.h:
                x = block(x)
            return self.ln_f(x) @ self.wte.weight.T

    model = Decoder().train()
    checkpoint = {"c_attn": "attn.c_attn", "attn_proj": "attn.c_proj", "c_fc": "mlp.c_fc", "mlp_proj": "mlp.c_proj"}
    for name, parameter in model.named_parameters():
        stored = re.sub("|".join(checkpoint), lambda m: checkpoint[m[0]], name)
        if re.search(r"\.c_\w+\.weight$", stored):  # checkpoints store [in, out], nn.Linear holds [out, in]
            turned = torch.empty(parameter.shape[::-1])
            fill(turned, stored, s["n_layers"])
            parameter.data.copy_(turned.T)
        else:
            fill(parameter, stored, s["n_layers"])
    # The fused AdamW is the fastest of PyTorch's three on the CPU.
    return model, torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.01, fused=True)


def train_step(batch=16, pos=128):
    """Forward, cross-entropy, backward, AdamW; steps go on from call to call. `result`: the loss, in nats."""
    import torch.nn.functional as F
    from importlib.metadata import version

    model, optimizer = decoder()
    text = prompt("text", batch * (pos + 1), TRAINED["d_vocab"]).view(batch, pos + 1)
    tokens, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()

    def work():
        loss = F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return work, f"PyTorch {version('torch')}", lambda loss: [loss]


# -- the conversation --------------------------------------------------------------------------------------------------

TASKS = {
    task.__name__: task
    for task in (forward, run_with_cache, attribution_patching, patching_grid, train_step)
}


def memory_mb(field):
    """`VmHWM`, this program's own peak, or `VmRSS`, what it holds now; getrusage would count its parent's peak too."""
    try:
        with open("/proc/self/status") as status:
            return int(re.search(rf"{field}:\s+(\d+) kB", status.read())[1]) / 1024
    except (OSError, TypeError):
        scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


@cache
def prepared(task, options):
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    return task_named(task)(**dict(json.loads(options)))


def task_named(task):
    """A task of this file, or `module:task` of a file beside it."""
    if ":" in task:
        module, name = task.split(":")
        return getattr(importlib.import_module(module), name)
    if task not in TASKS:
        raise ValueError(f"no task is named {task!r}; the tasks are {', '.join(TASKS)}")
    return TASKS[task]


def run(task, args):
    work, peer, read = prepared(task, json.dumps(args, sort_keys=True))
    rest = memory_mb("VmRSS")
    start = time.perf_counter()
    out = work()
    ms = (time.perf_counter() - start) * 1e3
    # work of which only a part counts says how long that took
    ms = getattr(out, "ms", ms)
    return dict(ms=ms, peer=peer, result=read(out), peakRssMb=memory_mb("VmHWM"), restRssMb=rest)


def answer(task, args, only_prepare=False):
    try:
        if only_prepare:
            return dict(peer=prepared(task, json.dumps(args, sort_keys=True))[1])
        return run(task, args)
    except Exception as error:  # whatever it is, the other side must hear of it
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else task}"}


def main():
    talk = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not speak into the conversation
    say = partial(print, file=talk, flush=True)
    if sys.argv[1:2] == ["--once"]:
        given = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
        say(json.dumps(answer(sys.argv[2], given)))
        return
    for line in sys.stdin:
        request = json.loads(line)
        say(json.dumps(answer(request["task"], request.get("args", {}), request.get("onlyPrepare", False))))


if __name__ == "__main__":
    main()
