"""Training steps of the recipe of `organism:language` in PyTorch: a small Llama on rows in which texts lie side by side."""

import json
import time
from importlib.metadata import version
from pathlib import Path

TRIES = 4


def decoder(config, weights, joined):
    """A Llama as people write it by hand. `joined`: products that read the same numbers (q, k and v) are one."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    d, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["rms_norm_eps"]
    angles = config["rope_theta"] ** (-torch.arange(0, d // heads, 2) / (d // heads))

    def parameter(*names):
        return nn.Parameter(torch.cat([weights[f"{name}.weight"] for name in names]))

    def normed(x, gain):
        return F.rms_norm(x, (d,), gain, epsilon)

    def turned(x, cos, sin):
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * sin

    class Products(nn.Module):
        def __init__(self, *names):
            super().__init__()
            self.count = len(names)
            self.weights = nn.ParameterList([parameter(*names)] if joined else map(parameter, names))

        def forward(self, x):
            if joined:
                return F.linear(x, self.weights[0]).chunk(self.count, dim=-1)
            return [F.linear(x, weight) for weight in self.weights]

    class Block(nn.Module):
        def __init__(self, at):
            super().__init__()
            self.ln1, self.ln2 = parameter(f"{at}.input_layernorm"), parameter(f"{at}.post_attention_layernorm")
            self.qkv = Products(*(f"{at}.self_attn.{own}_proj" for own in "qkv"))
            self.branches = Products(f"{at}.mlp.gate_proj", f"{at}.mlp.up_proj")
            self.o, self.out = parameter(f"{at}.self_attn.o_proj"), parameter(f"{at}.mlp.down_proj")

        def forward(self, x, cos, sin, mask):
            batch, pos, _ = x.shape
            q, k, v = (own.view(batch, pos, heads, -1).transpose(1, 2) for own in self.qkv(normed(x, self.ln1)))
            z = F.scaled_dot_product_attention(turned(q, cos, sin), turned(k, cos, sin), v, attn_mask=mask)
            x = x + F.linear(z.transpose(1, 2).reshape(batch, pos, d), self.o)
            gate, pre = self.branches(normed(x, self.ln2))
            return x + F.linear(F.silu(gate) * pre, self.out)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.norm = parameter("model.embed_tokens"), parameter("model.norm")
            self.blocks = nn.ModuleList(Block(f"model.layers.{i}") for i in range(config["num_hidden_layers"]))

        def forward(self, tokens, positions, segments):
            pos = tokens.shape[1]
            seen = segments[:, None, :, None] == segments[:, None, None, :]
            seen = seen & torch.ones(pos, pos, dtype=torch.bool).tril()
            mask = torch.zeros(seen.shape).masked_fill(~seen, -1e30)
            turns = (positions[:, None, :, None] * angles).repeat(1, 1, 1, 2)
            cos, sin = turns.cos(), turns.sin()
            x = F.embedding(tokens, self.embed)
            for block in self.blocks:
                x = block(x, cos, sin, mask)
            return F.linear(normed(x, self.norm), self.embed)

    return Decoder().train()


def read_batches(folder, rows, pos):
    """Tokens, positions, segments and weights of every batch, each [rows, pos]."""
    import numpy as np
    import torch

    words = np.fromfile(Path(folder) / "batches.bin", dtype="<i4").reshape(-1, 4, rows, pos)
    numbers = [torch.from_numpy(words[:, i].astype("int64")) for i in range(3)]
    return list(zip(*numbers, torch.from_numpy(words[:, 3].copy().view("<f4"))))


def steps(model, batches, rate, warmup, decay, beta2, clip):
    """A function that takes a step, and the losses before each."""
    import torch
    import torch.nn.functional as F

    parameters = list(model.parameters())
    matrices, gains = ([p for p in parameters if (p.dim() > 1) == wanted] for wanted in (True, False))
    groups = [dict(params=matrices, weight_decay=decay), dict(params=gains, weight_decay=0)]
    # The fused AdamW is the fastest of PyTorch's three on the CPU.
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, beta2), fused=True)
    losses = []

    def work():
        tokens, positions, segments, weights = batches[len(losses) % len(batches)]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (len(losses) + 1) / warmup)
        logits = model(tokens[:, :-1], positions[:, :-1], segments[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        counted = weights[:, 1:].flatten()
        loss = (nats * counted).sum() / counted.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        losses.append(loss.item())

    return work, losses


def train_step(folder, rows, pos, kept, **recipe):
    """Forward, weighted cross-entropy, backward, clipping, AdamW; steps go on from call to call. `result`: the first losses."""
    from safetensors.torch import load_file

    config = json.loads((Path(folder) / "config.json").read_text())
    weights = load_file(Path(folder) / "model.safetensors")
    batches = read_batches(folder, rows, pos)

    def seconds(joined):
        work, _ = steps(decoder(config, weights, joined), batches, **recipe)
        times = []
        for _ in range(TRIES):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    joined = min((True, False), key=seconds)
    work, losses = steps(decoder(config, weights, joined), batches, **recipe)
    name = f"PyTorch {version('torch')}, q, k and v {'as one product' if joined else 'apart'}"
    return work, name, lambda _: losses[:kept]
