"""Makes the goldens of text encoders.

The first prompt is a pair of texts (its second text has token type 1 where the encoder knows types), the second a single
text. Of both every site is kept for the first, the outputs for the second. Beside what make.py describes, a file holds
`<prompt>/types` I64 [1, pos]. The batch of both is padded on the right.
"""

import tempfile
from pathlib import Path

import torch

from common import CLOSE, HERE, PAD, PROMPTS, check_padding, fill, opened, padded, write

TYPES = [[0, 0, 0, 1, 1, 1], [0] * len(PROMPTS[1])]
# What is kept of the second prompt.
OUTPUTS = ("hidden", "pooler", "pooled", "logits")


def pair_mask(mask, reach=None):
    """Which keys each query may look at, [batch, 1, query, key]: all that are real and, with a reach, not farther off."""
    visible = mask.bool()[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
    if reach is None:
        return visible
    places = torch.arange(mask.shape[1])
    return visible & ((places[:, None] - places[None, :]).abs() <= reach)


def mean(hidden, mask):
    """The mean of the hidden states of real tokens, [batch, dModel]."""
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def record(recipe, model, ids, types, mask, sites_of):
    given = {"token_type_ids": types} if getattr(model.config, "type_vocab_size", 0) > 1 else {}
    run = model(input_ids=ids, attention_mask=mask, output_attentions=True, **given, **recipe.forward)
    sites = sites_of(run, mask)
    sites["pooled"] = mean(sites["hidden"], mask)
    if hasattr(run, "logits"):
        sites["logits"] = run.logits
    else:
        torch.testing.assert_close(sites["hidden"], run.last_hidden_state, **CLOSE)
    return sites


def make_encoder(recipe):
    """Writes config.json and golden.safetensors of a text encoder."""
    folder = HERE / recipe.name
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe.build().save_pretrained(work)
        made = fill(work, 0, recipe.spread)
        model = opened(recipe, work)
        sites_of = recipe.sites(model)
        golden, alone = {}, []
        for i, ids in enumerate(PROMPTS):
            tensor, types = torch.tensor([ids]), torch.tensor([TYPES[i]])
            sites = record(recipe, model, tensor, types, torch.ones_like(tensor), sites_of)
            alone.append(sites)
            kept = sites if i == 0 else {name: sites[name] for name in OUTPUTS if name in sites}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
            golden |= {f"{i}/input_ids": tensor, f"{i}/types": types}
        ids, mask = padded("right")
        types = torch.tensor([own + [0] * (ids.shape[1] - len(own)) for own in TYPES])
        sites = record(recipe, model, ids, types, mask, sites_of)
        for row in range(len(PROMPTS)):
            for site, value in sites.items():
                if value.shape[0] == 1:  # embeddings of positions, which all rows share
                    continue
                if value.dim() == 2:  # one vector a text
                    torch.testing.assert_close(value[row], alone[row][site][0], **CLOSE)
                else:
                    check_padding(site, value, alone[row][site], row, mask[row].bool())
        write(recipe, work, folder, golden, made, 0, "encoder")
    hidden = alone[0]["hidden"]
    print(f"{recipe.name}: {len(golden)} tensors, |hidden| {hidden.abs().mean():.2f}, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")
