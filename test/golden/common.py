"""What the recipes of golden files share: weights that both languages can make, prompts, sites, checks."""

import dataclasses
import json
import re
import tempfile
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
VOCAB = 101
PAD, BOS, EOS = 1, 2, 3
TOKENS = dict(vocab_size=VOCAB, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
# Of the first all sites are kept, of the second the logits.
PROMPTS = [[BOS, 60, 28, 71, 17, 93], [BOS, 17, 93, 4, 55, 17, 93, 28, 61]]
GREEDY_TOKENS = 20
# float32 noise on values of order 1 to 10; a wrong formula is off by far more.
CLOSE = dict(atol=3e-5, rtol=1e-5)


@dataclasses.dataclass
class Recipe:
    """How one golden folder is made."""

    name: str
    """Returns a transformers model with a tiny config; its weights are replaced."""
    build: Callable[[], Any]
    """Takes the model, hooks it, and returns `f(run, mask, position_ids) -> {site: tensor}` for the last forward."""
    sites: Callable[[Any], Callable[..., dict]]
    auto: Any = AutoModelForCausalLM
    """`(name, shape) -> (mean, spread)` of a weight in the file, or None for the usual."""
    spread: Callable[[str, tuple], Any] = lambda name, shape: None
    """Changes the dictionary that becomes config.json."""
    config: Callable[[dict], dict] = lambda config: config
    """Arguments of `save_pretrained` (and `dtype`) for a checkpoint that is kept as it is; others are made again from their names."""
    stored: dict | None = None
    """Sites whose sum with `resid_pre` is `resid_post`; None switches the check off."""
    writes: tuple | None = ("attn_out", "mlp_out")
    """Arguments of `forward` beside ids, mask and positions."""
    forward: dict = dataclasses.field(default_factory=dict)
    """False for models that count positions themselves."""
    takes_positions: bool = True
    """Where padding goes in the batches that must give what prompts alone give; a side is left out where transformers fails."""
    pads: tuple = ("left", "right")
    """`(model, texts) -> bool`: False asks for other weights; a text is a prompt with its continuation."""
    accepts: Callable[[Any, list], bool] = lambda model, texts: True
    """What makes the golden; other kinds of networks have their own."""
    make: Callable[["Recipe"], None] = lambda recipe: make_decoder(recipe)


# ---- weights ---------------------------------------------------------------------------------------------------------


def _mixed(x):
    """A bijection of 32-bit numbers that looks random (lowbias32)."""
    x = x.astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def _key(text):
    """FNV-1a."""
    key = 0x811C9DC5
    for byte in text.encode():
        key = ((key ^ byte) * 0x01000193) & 0xFFFFFFFF
    return np.uint32(key)


def made_up(name, shape, seed, mean, spread):
    """Uniform in mean +- spread; test/golden/weights.ts makes the same bits."""
    x = _mixed(_mixed(np.arange(int(np.prod(shape)), dtype=np.uint32)) ^ _key(f"{seed}/{name}"))
    return (mean + spread * (x.astype(np.float64) / 2**31 - 1)).astype(np.float32).reshape(shape)


def usual_spread(name, shape):
    """Activations of order 1, peaked attention, and biases and gains that matter."""
    if name.endswith("running_var"):
        return 1.0, 0.5
    if len(shape) <= 1:
        return (1.0 if name.endswith("weight") else 0.0), 0.4
    if re.search(r"(embed\w*|wte|shared|word_embeddings)\.weight$", name) and "pos" not in name:
        return 0.0, 1.0
    if re.search(r"(wpe|position\w*)\.weight$", name):
        return 0.0, 0.7
    conv1d = re.search(r"\.(c_attn|c_proj|c_fc)\.weight$", name)
    fan_in = shape[0] if conv1d else shape[-1] if len(shape) == 3 and "expert" in name else np.prod(shape[1:])
    return 0.0, round(2.0 * float(fan_in) ** -0.5, 6)


def fill(folder, seed, spread):
    """Replaces every floating-point number of the checkpoint in a folder; returns how, by tensor."""
    made = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors = load_file(file)
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
        for name, tensor in tensors.items():
            if not tensor.dtype.is_floating_point:
                continue
            shape = tuple(tensor.shape)
            mean, wide = spread(name, shape) or usual_spread(name, shape)
            tensors[name] = torch.from_numpy(made_up(name, shape, seed, mean, wide)).to(tensor.dtype)
            made[name] = [list(shape), mean, wide]
        save_file(tensors, file, metadata=metadata)
    return made


def tokenizer_json():
    """A word-level tokenizer over made-up words; both tokenizer libraries read it."""
    words = ["<unk>", "<pad>", "<bos>", "<eos>"] + [f"w{i}" for i in range(4, VOCAB)]
    special = [
        {"id": i, "content": words[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for i in range(4)
    ]
    template = [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing", "single": template,
            "pair": template + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [BOS], "tokens": ["<bos>"]}},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(words)}, "unk_token": "<unk>"},
    }


# ---- sites -----------------------------------------------------------------------------------------------------------


def hooked(modules):
    """Runs nothing yet: returns a dict that fills with each module's (input, output) at the next forward."""
    seen = {}

    def watch(name):
        def hook(_module, args, kwargs, output):
            first = args[0] if args else kwargs.get("hidden_states")
            seen[name] = (first, output[0] if isinstance(output, tuple) else output)
        return hook

    for name, module in modules.items():
        module.register_forward_hook(watch(name), with_kwargs=True)
    return seen


def heads(x, d_head):
    """[..., heads * d_head] to [..., heads, d_head]."""
    return x.view(*x.shape[:-1], -1, d_head)


def causal(mask):
    """Which keys each query may look at, [batch, 1, query, key]."""
    size = mask.shape[1]
    return torch.ones(size, size, dtype=torch.bool).tril() & mask.bool()[:, None, None, :]


def attention_sites(sites, at, q, k, v, pattern, visible, w_o, b_o, scale, *, bias=0.0, cap=lambda scores: scores,
                    normalise=lambda scores: scores.softmax(-1), out="attn_out"):
    """Scores, pattern, z and result from q [batch, pos, head, dHead], k [.., kvHead, dHead], v [.., kvHead, dValue].

    `pattern` is the model's own, `visible` says which keys a query sees ([batch, 1, query, key]), `w_o` is [head, dValue,
    dModel]. Scores are as they enter the softmax; where they are hidden they hold 0. Everything recomputed must lead back to
    the model's own pattern and to the site named by `out`.
    """
    repeats = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(repeats, dim=2), v.repeat_interleave(repeats, dim=2)
    scores = cap(torch.einsum("bqhd,bkhd->bhqk", q, k) * scale) + bias
    again = normalise(scores.masked_fill(~visible, -torch.inf))
    torch.testing.assert_close(again.nan_to_num(0), pattern * visible.any(-1, keepdim=True), **CLOSE)
    z = torch.einsum("bhqk,bkhd->bqhd", pattern, v)
    result = torch.einsum("bqhd,hdm->bqhm", z, w_o)
    total = result.sum(2) + (0 if b_o is None else b_o)
    if out is not None:
        torch.testing.assert_close(total, sites[at + out], **CLOSE)
    sites[at + "attn.scores"] = scores.masked_fill(~visible, 0)
    sites[at + "attn.pattern"] = pattern
    sites[at + "attn.z"] = z
    sites[at + "attn.result"] = result


def layer_norm(x, module, out):
    """The normalised vector before gain and bias, checked against the module's output."""
    normalized = (x - x.mean(-1, keepdim=True)) * (x.var(-1, unbiased=False, keepdim=True) + module.eps).rsqrt()
    again = normalized if module.weight is None else normalized * module.weight
    torch.testing.assert_close(again if module.bias is None else again + module.bias, out, **CLOSE)
    return normalized


def rms_norm(x, module, out, *, gain=lambda weight: weight):
    """The normalised vector before the gain, checked against the module's output."""
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    normalized = x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
    torch.testing.assert_close(normalized * gain(module.weight), out, **CLOSE)
    return normalized


# ---- making a decoder's golden ---------------------------------------------------------------------------------------


def record(recipe, model, ids, mask, sites_of):
    """Every site of one forward pass; positions count real tokens, so padding on the left shifts nothing."""
    position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
    given = {"position_ids": position_ids} if recipe.takes_positions else {}
    wants_attention = getattr(model.config, "num_attention_heads", None) is not None
    if wants_attention:
        given["output_attentions"] = True
    run = model(input_ids=ids, attention_mask=mask, **given, **recipe.forward)
    sites = sites_of(run, mask, position_ids)
    blocks = {re.match(r"blocks\.\d+\.", site).group() for site in sites if site.startswith("blocks.")}
    for at in sorted(blocks):
        if recipe.writes is None:
            continue
        total = sites[at + "resid_pre"] + sum(sites[at + name] for name in recipe.writes if at + name in sites)
        torch.testing.assert_close(total, sites[at + "resid_post"], **CLOSE)
        if at + "resid_mid" in sites:
            mid = sites[at + "resid_pre"] + sites[at + "attn_out"]
            torch.testing.assert_close(mid, sites[at + "resid_mid"], **CLOSE)
    sites["logits"] = run.logits
    return sites


def greedy(recipe, model, ids):
    """The most likely continuation; the runner-up must be clearly behind, so that rounding cannot change it."""
    out = []
    for _ in range(GREEDY_TOKENS):
        given = torch.tensor([ids + out])
        best = model(input_ids=given, attention_mask=torch.ones_like(given), **recipe.forward).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 0.02:
            return None
        out.append(int(best.indices[0]))
    return out


def padded(side):
    """Both prompts as rows of one length, and their mask."""
    length = max(len(ids) for ids in PROMPTS)
    pads = [[PAD] * (length - len(ids)) for ids in PROMPTS]
    zeros = [[0] * len(pad) for pad in pads]
    ones = [[1] * len(ids) for ids in PROMPTS]
    join = (lambda pad, ids: pad + ids) if side == "left" else (lambda pad, ids: ids + pad)
    rows = [join(*pair) for pair in zip(pads, PROMPTS)]
    return torch.tensor(rows), torch.tensor([join(*pair) for pair in zip(zeros, ones)])


def check_padding(site, batched, alone, row, real):
    """At real positions a padded row equals the prompt by itself, in both the query and the key direction."""
    got = batched[row]
    if site.endswith(("scores", "pattern")):
        got = got[:, real][:, :, real]
    elif site.endswith("sink"):
        got = got[:, real]
    elif got.shape[0] == real.shape[0]:
        got = got[real]
    else:
        return
    torch.testing.assert_close(got, alone[0], msg=lambda text: f"{site}: {text}", **CLOSE)


def opened(recipe, folder):
    """The model of a folder as the goldens want it."""
    return recipe.auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def make_decoder(recipe):
    """Writes config.json and golden.safetensors of a network that predicts the next token."""
    folder = HERE / recipe.name
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        arguments = dict(recipe.stored or {})
        recipe.build().to(arguments.pop("dtype", torch.float32)).save_pretrained(work, **arguments)
        for seed in range(200):
            made = fill(work, seed, recipe.spread)
            model = opened(recipe, work)
            continuations = [greedy(recipe, model, ids) for ids in PROMPTS]
            if all(continuations) and recipe.accepts(model, [a + b for a, b in zip(PROMPTS, continuations)]):
                break
        else:
            raise RuntimeError(f"{recipe.name}: no seed below 200 has a clear greedy continuation")
        sites_of = recipe.sites(model)
        golden, alone = {}, []
        for i, ids in enumerate(PROMPTS):
            tensor = torch.tensor([ids])
            sites = record(recipe, model, tensor, torch.ones_like(tensor), sites_of)
            alone.append(sites)
            kept = sites if i == 0 else {"logits": sites["logits"]}
            golden |= {f"{i}/{site}": value for site, value in kept.items()}
            golden |= {f"{i}/input_ids": tensor, f"{i}/greedy": torch.tensor([continuations[i]])}
        for side in recipe.pads:
            ids, mask = padded(side)
            sites = record(recipe, model, ids, mask, sites_of)
            for row in range(len(PROMPTS)):
                for site, value in sites.items():
                    check_padding(site, value, alone[row][site], row, mask[row].bool())
        write(recipe, work, folder, golden, made, seed, "decoder")
    logits = alone[0]["logits"]
    print(f"{recipe.name}: seed {seed}, {len(golden)} tensors, |logits| {logits.abs().mean():.2f}, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")


def write(recipe, work, folder, golden, made, seed, kind):
    """Puts config, golden and, for a stored recipe, the weights into the golden folder, which is emptied first."""
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    config = recipe.config(json.loads((work / "config.json").read_text()))
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    metadata = {"kind": kind, "seed": str(seed)}
    if recipe.stored is None:
        metadata["weights"] = json.dumps(made, separators=(",", ":"))
    else:
        for file in work.glob("model*"):
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), indent=1) + "\n")
    tensors = {key: value.detach().clone().contiguous() for key, value in golden.items()}
    save_file(tensors, folder / "golden.safetensors", metadata=metadata)
