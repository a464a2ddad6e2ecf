"""Generation in transformers: greedy, with its cache, as `generate` does it."""

import time
from functools import cache
from importlib.metadata import version

from peer import GPT2_SMALL, fill, prompt


class Decoded:
    """Tokens with their logits, and the time of one token after the first."""

    def __init__(self, ids, logits, times):
        self.ids = ids
        self.logits = logits
        self.ms = (times[-1] - times[0]) * 1e3 / (len(times) - 1)


class Clock:
    """Notes when tokens arrive; the prompt comes first."""

    def __init__(self):
        self.times = []

    def put(self, value):
        self.times.append(time.perf_counter())

    def end(self):
        pass


@cache
def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(attn_implementation="sdpa", bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(config).eval()
    for name, parameter in model.transformer.named_parameters():
        fill(parameter, name, GPT2_SMALL["n_layers"])
    return model


def generate(pos, count):
    """`count` tokens after a prompt of `pos`. `result`: of every token, id % 97 and its log-probability in nats."""
    import torch

    model = gpt2()
    tokens = prompt("clean", pos, GPT2_SMALL["d_vocab"])[None]
    given = dict(attention_mask=torch.ones_like(tokens), max_new_tokens=count, do_sample=False, use_cache=True)

    def work():
        clock = Clock()
        with torch.inference_mode():
            out = model.generate(tokens, **given, streamer=clock, return_dict_in_generate=True, output_logits=True)
        return Decoded(out.sequences[0, pos:], out.logits, clock.times[1:])

    def read(out):
        logs = [torch.log_softmax(logits[0].double(), -1)[token] for token, logits in zip(out.ids, out.logits)]
        return [value for token, log in zip(out.ids.tolist(), logs) for value in (token % 97, float(log))]

    return work, f"transformers {version('transformers')}, PyTorch {version('torch')}", read
