"""The tiny checkpoints of the parity tests in transformers, with its plain ("eager") attention."""

import json
from importlib.metadata import version
from pathlib import Path

from peer import prompt

# names that transformers writes in old checkpoints or opens under another one
RENAMED = {
    "T5WithLMHeadModel": "T5ForConditionalGeneration",
    "BartModel": "BartForConditionalGeneration",
    "Wav2Vec2ForPreTraining": "Wav2Vec2Model",
}


def sizes(text):
    return [int(size) for size in text.split(",")]


def numbers(shape):
    import torch

    return ((prompt("families", torch.Size(shape).numel(), 2001) - 1000) / 1000).float().view(shape)


def forward(folder, kind, shape, vocabulary, image, imageToken, imageLength, output):
    """One forward. `result`: of every row, the last numbers of the output of that size, at most eight."""
    import torch
    import transformers

    name = json.loads((Path(folder) / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, RENAMED.get(name, name)).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    shape, output = sizes(shape), sizes(output)
    given = {"use_cache": False} if kind in ("decoder", "seq2seq", "vision-language") else {}
    if vocabulary > 0:
        given["input_ids"] = prompt("families", torch.Size(shape).numel(), vocabulary - 4).view(shape) + 4
        if kind == "seq2seq":
            given["decoder_input_ids"] = given["input_ids"]
        if image:
            places = torch.full((shape[0], imageLength), imageToken)
            given["input_ids"] = torch.cat([places, given["input_ids"]], dim=1)
            given["pixel_values"] = numbers(sizes(image))
    elif kind == "vision":
        given["pixel_values"] = numbers(shape)
    else:
        sound = numbers(shape)
        # what the feature extractor of these models does
        spread = sound.var(-1, unbiased=False, keepdim=True) + 1e-7
        given["input_values"] = (sound - sound.mean(-1, keepdim=True)) * spread.rsqrt()

    def work():
        with torch.inference_mode():
            return model(**given)

    def read(out):
        found = [value for value in out.values() if torch.is_tensor(value) and value.numel() == torch.Size(output).numel()]
        rows = found[0].reshape(shape[0], -1)
        return rows[:, -min(8, rows.shape[1]):].flatten().tolist()

    return work, f"transformers {version('transformers')}", read
