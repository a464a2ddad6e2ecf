"""Makes the goldens of networks that listen.

Recordings are made from their names, as weights are: `common.made_up("samples/<i>", [length], 0, 0.2, 0.5)`; a file holds their
lengths, `<recording>/length` I64 [1]. Of the first, which is the shorter, every site is kept, of the second the outputs. The
site `samples` holds what transformers' feature extractor makes of the samples.

Where a network is meant to be given an attention mask, every site of a batch padded on the right must equal the site of the
recording alone, or the golden is not written.
"""

import tempfile
from pathlib import Path

import torch
from transformers import Wav2Vec2FeatureExtractor

from common import CLOSE, HERE, fill, made_up, opened, write

LENGTHS = (300, 430)
# What is kept of the second recording.
OUTPUTS = ("hidden", "logits")


def recordings():
    return [made_up(f"samples/{i}", [length], 0, 0.2, 0.5) for i, length in enumerate(LENGTHS)]


def record(model, values, mask, sites_of):
    """Every site of one forward pass; `mask` says which samples are no padding."""
    run = model(values, attention_mask=mask, output_attentions=True)
    sites = {"samples": values} | sites_of(run, model_mask(model, run, mask))
    if hasattr(run, "logits"):
        sites["logits"] = run.logits
    else:
        torch.testing.assert_close(sites["hidden"], run.last_hidden_state, **CLOSE)
    return sites


def model_mask(model, run, mask):
    """Which frames are no padding, [batch, frame]."""
    body = getattr(model, model.base_model_prefix, model)
    pos = run.attentions[0].shape[-1]
    if mask is None:
        return torch.ones(run.attentions[0].shape[0], pos, dtype=torch.bool)
    return body._get_feature_vector_attention_mask(pos, mask)


def make_audio(recipe):
    """Writes config.json and golden.safetensors of a network that listens."""
    folder = HERE / recipe.name
    extractor = Wav2Vec2FeatureExtractor()
    prepared = [extractor(own, sampling_rate=16000, return_tensors="pt").input_values for own in recordings()]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe.build().save_pretrained(work)
        made = fill(work, 0, recipe.spread)
        model = opened(recipe, work)
        sites_of = recipe.sites(model)
        golden, alone = {}, []
        for i, values in enumerate(prepared):
            sites = record(model, values, None, sites_of)
            alone.append(sites)
            kept = sites if i == 0 else {name: sites[name] for name in OUTPUTS if name in sites}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
            golden |= {f"{i}/length": torch.tensor([LENGTHS[i]])}
        if model.config.feat_extract_norm == "layer":
            batch = extractor(recordings(), sampling_rate=16000, padding=True, return_attention_mask=True,
                              return_tensors="pt")
            sites = record(model, batch.input_values, batch.attention_mask, sites_of)
            for row, own in enumerate(alone):
                for site, value in own.items():
                    part = sites[site][row:row + 1]
                    for axis, size in enumerate(value.shape):
                        part = part.narrow(axis, 0, size)
                    torch.testing.assert_close(part, value, msg=lambda text: f"{site}: {text}", **CLOSE)
        write(recipe, work, folder, golden, made, 0, "audio")
    hidden = alone[0]["hidden"]
    print(f"{recipe.name}: {len(golden)} tensors, {hidden.shape[1]} frames, |hidden| {hidden.abs().mean():.2f}, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")
