"""Reading checkpoints with `safetensors` and PyTorch."""

from importlib.metadata import version


def read_all(file):
    """Every tensor of a file as float32, and the largest number of each, which looks at all of them once."""
    from safetensors.torch import load_file

    def work():
        weights = [tensor.float() for tensor in load_file(file).values()]
        return sum(float(weight.max()) for weight in weights)

    return work, f"safetensors {version('safetensors')}, PyTorch {version('torch')}", lambda total: [total]


def first_logits(folder):
    """A folder to the logits of four tokens, as a program does once."""
    import torch
    from transformers import AutoModelForCausalLM

    def work():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.inference_mode():
            return model(torch.tensor([[1, 2, 3, 4]])).logits

    return work, f"transformers {version('transformers')}", lambda logits: logits[0, -1, :8].tolist()
