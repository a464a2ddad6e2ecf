"""Makes the goldens of encoder-decoders.

The sources are the prompts of common.py. Beside what make.py describes for sites, a file holds

    <prompt>/source_ids, <prompt>/target_ids    I64 [1, pos]: what encoder and decoder read
    <prompt>/greedy                             I64 [1, 20]: the greedy continuation of the start token alone

Sources are padded on the right, targets on the sides of `pads`.
"""

import tempfile
from pathlib import Path

import torch

from common import CLOSE, GREEDY_TOKENS, HERE, PAD, PROMPTS, attention_sites, fill, opened, write

# What the decoder reads behind its start token.
TARGETS = [[17, 60, 5, 88], [44, 9]]


def cross_sites(sites, at, q, k, v, pattern, visible, w_o, b_o, scale):
    """As `attention_sites`, for cross attention: `visible` is [batch, 1, 1, source]."""
    own = {"attn_out": sites[at + "cross_out"]}
    attention_sites(own, "", q, k, v, pattern, visible, w_o, b_o, scale)
    del own["attn_out"]
    sites |= {at + "cross." + name.removeprefix("attn."): value for name, value in own.items()}
    sites |= {at + "cross.q": q, at + "cross.k": k, at + "cross.v": v}


def record(recipe, model, source, target, source_mask, target_mask, sites_of):
    run = model(input_ids=source, attention_mask=source_mask, decoder_input_ids=target,
                decoder_attention_mask=target_mask, output_attentions=True, use_cache=False)
    sites = sites_of(run, source_mask, target_mask)
    sites["encoder.out"] = run.encoder_last_hidden_state
    sites["logits"] = run.logits
    for at in {site.split(".resid_pre")[0] for site in sites if site.endswith(".resid_pre")}:
        if recipe.writes is None:
            continue
        names = [name for name in recipe.writes if f"{at}.{name}" in sites]
        total = sites[f"{at}.resid_pre"] + sum(sites[f"{at}.{name}"] for name in names)
        torch.testing.assert_close(total, sites[f"{at}.resid_post"], **CLOSE)
    return sites


def greedy(model, source, start):
    """The most likely target; the runner-up must be clearly behind, so that rounding cannot change it."""
    out = [start]
    for _ in range(GREEDY_TOKENS):
        run = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([out]), use_cache=False)
        best = run.logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 0.01:
            return None
        out.append(int(best.indices[0]))
    # one token again and again would say little about the cache
    return out[1:] if len(set(out)) > 3 else None


def padded(rows, side):
    """Rows of one length, and their mask."""
    length = max(len(row) for row in rows)
    pads = [[PAD] * (length - len(row)) for row in rows]
    join = (lambda pad, row: pad + row) if side == "left" else (lambda pad, row: row + pad)
    masks = [join([0] * len(pad), [1] * len(row)) for pad, row in zip(pads, rows)]
    return torch.tensor([join(*pair) for pair in zip(pads, rows)]), torch.tensor(masks)


def check_padding(site, batched, alone, row, source, target):
    """At real positions a padded row equals the source and target by themselves."""
    own = source if site.startswith("encoder.") else target
    got = batched[row]
    if site.endswith((".scores", ".pattern")):
        got = got[:, own][:, :, source if ".cross." in site else own]
    else:
        got = got[source if site.endswith((".cross.k", ".cross.v")) else own]
    torch.testing.assert_close(got, alone[0], msg=lambda text: f"{site}: {text}", **CLOSE)


def make_seq2seq(recipe):
    """Writes config.json and golden.safetensors of an encoder-decoder."""
    folder = HERE / recipe.name
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe.build().save_pretrained(work)
        for seed in range(200):
            made = fill(work, seed, recipe.spread)
            model = opened(recipe, work)
            start = model.config.decoder_start_token_id
            continuations = [greedy(model, source, start) for source in PROMPTS]
            if all(continuations):
                break
        else:
            raise RuntimeError(f"{recipe.name}: no seed below 200 has a clear greedy continuation")
        sites_of = recipe.sites(model)
        targets = [[start, *target] for target in TARGETS]
        golden, alone = {}, []
        for i, pair in enumerate(zip(PROMPTS, targets)):
            source, target = (torch.tensor([ids]) for ids in pair)
            masks = torch.ones_like(source), torch.ones_like(target)
            sites = record(recipe, model, source, target, *masks, sites_of)
            alone.append(sites)
            kept = sites if i == 0 else {"logits": sites["logits"]}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
            golden |= {f"{i}/source_ids": source, f"{i}/target_ids": target}
            golden[f"{i}/greedy"] = torch.tensor([continuations[i]])
        for side in recipe.pads:
            source, source_mask = padded(PROMPTS, "right")
            target, target_mask = padded(targets, side)
            sites = record(recipe, model, source, target, source_mask, target_mask, sites_of)
            for row in range(len(PROMPTS)):
                real = source_mask[row].bool(), target_mask[row].bool()
                for site, value in sites.items():
                    check_padding(site, value, alone[row][site], row, *real)
        write(recipe, work, folder, golden, made, seed, "seq2seq")
    logits = alone[0]["logits"]
    print(f"{recipe.name}: seed {seed}, {len(golden)} tensors, |logits| {logits.abs().mean():.2f}, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")
