"""The tiny checkpoints of the parity tests in transformers, with its plain ("eager") attention."""

from importlib.metadata import version

from peer import prompt


def forward(folder, batch, pos):
    """One forward of a decoder. `result`: the first eight logits of the last position of every row."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokens = prompt("families", batch * pos, model.config.vocab_size).view(batch, pos)

    def work():
        with torch.inference_mode():
            return model(tokens, use_cache=False).logits

    return work, f"transformers {version('transformers')}", lambda logits: logits[:, -1, :8].flatten().tolist()
