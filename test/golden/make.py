"""Makes the golden files of the parity tests: tiny random checkpoints and what `transformers` computes with them.

    pip install torch==2.13.0 transformers==5.23.0 safetensors
    python test/golden/make.py            (seconds; rewrites test/golden/<name>/)

Each folder holds a Hugging Face checkpoint and `golden.safetensors`, whose tensors are named

    <prompt>/input_ids, <prompt>/greedy       I64 [1, pos], [1, 20]: a prompt (0 or 1) and its greedy continuation
    <prompt>/<site>                           F32: every site of that prompt, batch size 1
    left/..., right/input_ids, attention_mask, logits   both prompts as one padded batch; padded positions hold 0

Sites have the names, shapes and meaning of TransformerLens without `hook_`; after a rotation there are `attn.rot_q`
and `attn.rot_k`, and in a gated MLP `gate` enters the activation, `pre` is the linear branch and `post` their product.
Normalised vectors are taken before gain and bias. Scores are scaled; where the mask hides a key they hold 0.

Values come from hooks on transformers' own modules in float32 with eager attention. What the modules keep to
themselves is recomputed from what they show, and every recomputation must lead back to a value that they show.
At real positions of the padded batches every site must equal the site of the unpadded prompt, so only logits are kept.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

HERE = Path(__file__).parent
VOCAB = 101
PAD, BOS, EOS = 1, 2, 3
PROMPTS = [[BOS, 17, 93, 4, 55, 17, 93], [BOS, 60, 28, 71]]
GREEDY_TOKENS = 20
# float32 noise on values of order 1 to 10; a wrong formula is off by far more.
CLOSE = dict(atol=3e-5, rtol=1e-5)


def randomise(model, seed):
    """Weights large enough that activations are of order 1, attention is peaked and every bias and gain matters."""
    generator = torch.Generator().manual_seed(seed)

    def normal(parameter, std, mean=0.0):
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * std + mean)

    for name, parameter in model.named_parameters():
        if name.endswith(("wte.weight", "embed_tokens.weight")):
            normal(parameter, 0.6)
        elif name.endswith("wpe.weight"):
            normal(parameter, 0.4)
        elif parameter.ndim == 1:
            is_gain = name.endswith("weight")
            normal(parameter, 0.25, mean=1.0 if is_gain else 0.0)
        else:
            # GPT-2's Conv1D stores [in, out], nn.Linear [out, in].
            fan_in = parameter.shape[0] if "c_" in name else parameter.shape[1]
            normal(parameter, 1.2 * fan_in**-0.5)


def tokenizer_json():
    """A word-level tokenizer over made-up words; both tokenizer libraries read it."""
    words = ["<unk>", "<pad>", "<bos>", "<eos>"] + [f"w{i}" for i in range(4, VOCAB)]
    vocab = {word: i for i, word in enumerate(words)}
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
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    }


def hooked(model, modules):
    """Runs nothing yet: returns a dict that fills with each module's input and output at the next forward."""
    seen = {}

    def watch(name):
        def hook(_module, args, kwargs, output):
            seen[name] = (args[0] if args else kwargs["hidden_states"], output[0] if isinstance(output, tuple) else output)
        return hook

    for name, module in modules.items():
        module.register_forward_hook(watch(name), with_kwargs=True)
    return seen


def heads(x, d_head):
    return x.view(*x.shape[:-1], -1, d_head)


def attention_sites(sites, at, q, k, v, pattern, mask, w_o, b_o, scale):
    """Scores, z and result from q [batch, pos, head, dHead] and k, v [batch, pos, kvHead, dHead].

    `pattern` is the model's own. Queries that see nothing (padding on the left) are not checked.
    """
    repeats = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(repeats, dim=2), v.repeat_interleave(repeats, dim=2)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * scale
    visible = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool).tril() & mask.bool()[:, None, None, :]
    again = scores.masked_fill(~visible, -torch.inf).softmax(-1)
    torch.testing.assert_close(again.nan_to_num(0), pattern * visible.any(-1, keepdim=True), **CLOSE)
    z = torch.einsum("bhqk,bkhd->bqhd", pattern, v)
    result = torch.einsum("bqhd,hdm->bqhm", z, w_o)
    out = result.sum(2) + (0 if b_o is None else b_o)
    torch.testing.assert_close(out, sites[at + "attn_out"], **CLOSE)
    sites[at + "attn.scores"] = scores.masked_fill(~visible, 0)
    sites[at + "attn.pattern"] = pattern
    sites[at + "attn.z"] = z
    sites[at + "attn.result"] = result


def layer_norm(x, module, out):
    normalized = (x - x.mean(-1, keepdim=True)) * (x.var(-1, unbiased=False, keepdim=True) + module.eps).rsqrt()
    torch.testing.assert_close(normalized * module.weight + module.bias, out, **CLOSE)
    return normalized


def rms_norm(x, module, out):
    normalized = x * (x.square().mean(-1, keepdim=True) + module.variance_epsilon).rsqrt()
    torch.testing.assert_close(normalized * module.weight, out, **CLOSE)
    return normalized


def gpt2_sites(model):
    body = model.transformer
    modules = {"wte": body.wte, "wpe": body.wpe, "ln_f": body.ln_f, "lm_head": model.lm_head}
    for i, block in enumerate(body.h):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["ln_1", "attn", "attn.c_attn", "ln_2", "mlp", "mlp.c_fc", "mlp.c_proj"]}
        modules[f"{i}"] = block
    seen = hooked(model, modules)
    config = model.config
    d_head = config.n_embd // config.n_head

    def sites_of(run, mask, _position_ids):
        sites = {"embed": seen["wte"][1], "pos_embed": seen["wpe"][1].expand_as(seen["wte"][1])}
        for i, block in enumerate(body.h):
            at = f"blocks.{i}."
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            sites[at + "ln1.normalized"] = layer_norm(seen[f"{i}.ln_1"][0], block.ln_1, seen[f"{i}.ln_1"][1])
            q, k, v = (heads(x, d_head) for x in seen[f"{i}.attn.c_attn"][1].split(config.n_embd, dim=-1))
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn_out": seen[f"{i}.attn"][1]}
            w_o = block.attn.c_proj.weight.view(config.n_head, d_head, config.n_embd)
            attention_sites(sites, at, q, k, v, run.attentions[i], mask, w_o, block.attn.c_proj.bias,
                            block.attn.scaling)
            sites[at + "resid_mid"] = seen[f"{i}.ln_2"][0]
            sites[at + "ln2.normalized"] = layer_norm(seen[f"{i}.ln_2"][0], block.ln_2, seen[f"{i}.ln_2"][1])
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.c_fc"][1]
            sites[at + "mlp.post"] = seen[f"{i}.mlp.c_proj"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = layer_norm(seen["ln_f"][0], body.ln_f, seen["ln_f"][1])
        return sites

    return sites_of


def llama_sites(model):
    body = model.model
    modules = {"embed": body.embed_tokens, "norm": body.norm}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["input_layernorm", "self_attn", "self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj", "post_attention_layernorm", "mlp", "mlp.gate_proj", "mlp.up_proj",
                                 "mlp.down_proj"]}
        modules[f"{i}"] = block
    seen = hooked(model, modules)
    config = model.config

    def sites_of(run, mask, position_ids):
        cos, sin = body.rotary_emb(seen["embed"][1], position_ids)
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at, attn = f"blocks.{i}.", block.self_attn
            sites[at + "resid_pre"] = seen[f"{i}"][0]
            x, y = seen[f"{i}.input_layernorm"]
            sites[at + "ln1.normalized"] = rms_norm(x, block.input_layernorm, y)
            q, k, v = (heads(seen[f"{i}.self_attn.{name}_proj"][1], attn.head_dim) for name in "qkv")
            rot_q, rot_k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn.rot_q": rot_q,
                      at + "attn.rot_k": rot_k, at + "attn_out": seen[f"{i}.self_attn"][1]}
            w_o = attn.o_proj.weight.T.reshape(config.num_attention_heads, attn.head_dim, config.hidden_size)
            attention_sites(sites, at, rot_q, rot_k, v, run.attentions[i], mask, w_o, attn.o_proj.bias,
                            attn.scaling)
            x, y = seen[f"{i}.post_attention_layernorm"]
            sites[at + "resid_mid"] = x
            sites[at + "ln2.normalized"] = rms_norm(x, block.post_attention_layernorm, y)
            sites[at + "mlp.gate"] = seen[f"{i}.mlp.gate_proj"][1]
            sites[at + "mlp.pre"] = seen[f"{i}.mlp.up_proj"][1]
            sites[at + "mlp.post"] = seen[f"{i}.mlp.down_proj"][0]
            sites[at + "mlp_out"] = seen[f"{i}.mlp"][1]
            sites[at + "resid_post"] = seen[f"{i}"][1]
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm, seen["norm"][1])
        return sites

    return sites_of


def record(model, ids, mask, sites_of):
    """Every site of one forward pass; positions count real tokens, so padding on the left shifts nothing."""
    position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
    run = model(input_ids=ids, attention_mask=mask, position_ids=position_ids, output_attentions=True)
    sites = sites_of(run, mask, position_ids)
    for i in range(model.config.num_hidden_layers):
        at = f"blocks.{i}."
        mid = sites[at + "resid_pre"] + sites[at + "attn_out"]
        torch.testing.assert_close(mid, sites[at + "resid_mid"], **CLOSE)
        torch.testing.assert_close(mid + sites[at + "mlp_out"], sites[at + "resid_post"], **CLOSE)
    sites["logits"] = run.logits
    return sites


def greedy(model, ids):
    """The most likely continuation; the runner-up must be clearly behind, so that rounding cannot change it."""
    out = []
    for _ in range(GREEDY_TOKENS):
        best = model(input_ids=torch.tensor([ids + out])).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 0.02:
            return None
        out.append(int(best.indices[0]))
    return out


def padded(side):
    length = max(len(ids) for ids in PROMPTS)
    pads = [[PAD] * (length - len(ids)) for ids in PROMPTS]
    zeros = [[0] * len(pad) for pad in pads]
    ones = [[1] * len(ids) for ids in PROMPTS]
    join = (lambda pad, ids: pad + ids) if side == "left" else (lambda pad, ids: ids + pad)
    return torch.tensor([join(*pair) for pair in zip(pads, PROMPTS)]), torch.tensor([join(*p) for p in zip(zeros, ones)])


def check_padding(site, batched, alone, row, real):
    """At real positions a padded row equals the prompt by itself, in both the query and the key direction."""
    got = batched[row]
    if site.endswith(("scores", "pattern")):
        got = got[:, real][:, :, real]
    else:
        got = got[real]
    torch.testing.assert_close(got, alone[0], msg=lambda text: f"{site}: {text}", **CLOSE)


def make(name, build, dtype, shard, sites_for, rewrite_config=None):
    folder = HERE / name
    for seed in range(100):
        model = build().eval()
        randomise(model, seed)
        # The goldens belong to the weights as stored, so round before computing.
        model.to(dtype).to(torch.float32)
        if all(greedy(model, ids) for ids in PROMPTS):
            break
    else:
        raise RuntimeError(f"{name}: no seed below 100 has a clear greedy continuation")
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), indent=1) + "\n")
    config = json.loads((folder / "config.json").read_text())
    if rewrite_config:
        config = rewrite_config(config)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    sites_of = sites_for(model)
    golden, alone = {}, []
    for i, ids in enumerate(PROMPTS):
        tensor = torch.tensor([ids])
        sites = record(model, tensor, torch.ones_like(tensor), sites_of)
        alone.append(sites)
        golden |= {f"{i}/{site}": value for site, value in sites.items()}
        golden |= {f"{i}/input_ids": tensor, f"{i}/greedy": torch.tensor([greedy(model, ids)])}
    for side in ["left", "right"]:
        ids, mask = padded(side)
        sites = record(model, ids, mask, sites_of)
        for row in range(len(PROMPTS)):
            for site, value in sites.items():
                check_padding(site, value, alone[row][site], row, mask[row].bool())
        golden |= {f"{side}/input_ids": ids, f"{side}/attention_mask": mask,
                   f"{side}/logits": sites["logits"] * mask[..., None]}
    save_file({key: value.clone().contiguous() for key, value in golden.items()}, folder / "golden.safetensors",
              metadata={"made_by": f"test/golden/make.py, seed {seed}"})
    pattern = alone[0]["blocks.1.attn.pattern"]
    print(f"{name}: seed {seed}, {len(golden)} tensors, |logits| {alone[0]['logits'].abs().mean():.2f}, "
          f"|resid| {alone[0]['blocks.1.resid_post'].abs().mean():.2f}, strongest attention of the last token "
          f"{pattern[0, :, -1].max(-1).values.tolist()}")


def gpt2():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=VOCAB, n_positions=32, n_embd=48, n_layer=2, n_head=4, n_inner=96,
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))


def llama():
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))


def llama3():
    # Of the six wavelengths (6.3, 30, 135 ...) the scaling keeps the first, blends the second and divides the rest;
    # dHead is not dModel / nHeads, and one key-value head serves four query heads.
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=40, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, head_dim=12, max_position_embeddings=256, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, so that both forms are read by the tests."""
    rope = config.pop("rope_parameters")
    dtype = config.pop("dtype")
    return config | {"rope_theta": rope["rope_theta"], "rope_scaling": None, "torch_dtype": dtype,
                     "transformers_version": "4.57.1"}


if __name__ == "__main__":
    torch.set_num_threads(1)  # the same sums in the same order every time
    with torch.no_grad():
        make("gpt2", gpt2, torch.float32, "5GB", gpt2_sites)
        make("llama", llama, torch.bfloat16, "75KB", llama_sites, as_transformers_4)
        make("llama3-rope", llama3, torch.float16, "5GB", llama_sites)
