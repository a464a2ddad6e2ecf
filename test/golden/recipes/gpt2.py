import torch
from transformers import GPT2Config, GPT2LMHeadModel

from common import BOS, EOS, PAD, VOCAB, Recipe, attention_sites, causal, heads, hooked, layer_norm


def build():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=VOCAB, n_positions=32, n_embd=24, n_layer=2, n_head=4, n_inner=40,
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))


def sites(model):
    body = model.transformer
    modules = {"wte": body.wte, "wpe": body.wpe, "ln_f": body.ln_f}
    for i, block in enumerate(body.h):
        modules |= {f"{i}.{name}": block.get_submodule(name)
                    for name in ["ln_1", "attn", "attn.c_attn", "ln_2", "mlp", "mlp.c_fc", "mlp.c_proj"]}
        modules[f"{i}"] = block
    seen = hooked(modules)
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
            attention_sites(sites, at, q, k, v, run.attentions[i], causal(mask), w_o, block.attn.c_proj.bias,
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


RECIPES = [Recipe("gpt2", build, sites, stored=dict(dtype=torch.float16))]
