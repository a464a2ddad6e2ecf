"""State spaces in transformers, which computes them in PyTorch on a processor."""

from importlib.metadata import version

from peer import prompt


def forward(folder, pos):
    """One forward. `result`: the first eight logits of a position in the middle and of the last."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = prompt("ssm", pos, model.config.vocab_size)[None]

    def work():
        with torch.inference_mode():
            return model(tokens, use_cache=False).logits

    return work, f"transformers {version('transformers')}", lambda logits: logits[0, [pos // 2, -1], :8].flatten().tolist()
