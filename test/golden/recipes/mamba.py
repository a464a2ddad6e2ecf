import torch
import torch.nn.functional as F
from transformers import Mamba2Config, Mamba2ForCausalLM, MambaConfig, MambaForCausalLM
from transformers.activations import ACT2FN

from common import CLOSE, TOKENS, Recipe, hooked, rms_norm

SIZES = dict(**TOKENS, hidden_size=16, num_hidden_layers=2)


def mamba(**changes):
    return lambda: MambaForCausalLM(MambaConfig(**SIZES, **(dict(state_size=4, time_step_rank=3) | changes)))


def mamba2(**changes):
    sizes = dict(num_heads=4, head_dim=8, state_size=6, n_groups=1, chunk_size=4)
    return lambda: Mamba2ForCausalLM(Mamba2Config(**SIZES, **(sizes | changes)))


def spread(name, shape):
    return (1.0, 0.5) if name.endswith("mixer.D") else None


def convolved(mixer, x, mask):
    """The depthwise convolution over [batch, pos, channel] and its activation, hidden where there is padding."""
    width = mixer.conv1d.weight.shape[-1]
    y = F.conv1d(x.transpose(1, 2), mixer.conv1d.weight, mixer.conv1d.bias, padding=width - 1, groups=x.shape[-1])
    return ACT2FN[mixer.activation](y[..., :x.shape[1]]).transpose(1, 2) * mask[..., None]


def scanned(x, dt, B, C, A):
    """The recurrence as it is written: every state [batch, pos, head, dHead, dState], and what is read of them.

    x is [batch, pos, head, dHead], dt [batch, pos, head], B and C [batch, pos, head, dState], A [head, dState or 1].
    """
    state, states = 0, []
    for t in range(x.shape[1]):
        decay = (dt[:, t, :, None] * A).exp()[:, :, None]
        state = decay * state + (dt[:, t, :, None] * x[:, t])[..., None] * B[:, t, :, None]
        states.append(state)
    states = torch.stack(states, dim=1)
    return states, torch.einsum("bthpn,bthn->bthp", states, C)


def sites(model):
    body = model.backbone
    own = ["norm", "mixer", "mixer.in_proj", "mixer.out_proj"]
    own += ["mixer.x_proj"] if hasattr(body.layers[0].mixer, "x_proj") else ["mixer.norm"]
    modules = {"embed": body.embeddings, "norm": body.norm_f}
    for i, block in enumerate(body.layers):
        modules |= {f"{i}.{name}": block.get_submodule(name) for name in own} | {f"{i}": block}
    seen = hooked(modules)
    mixer_sites = mamba_sites if "mixer.x_proj" in own else mamba2_sites

    def sites_of(run, mask, position_ids):
        sites = {"embed": seen["embed"][1]}
        for i, block in enumerate(body.layers):
            at = f"blocks.{i}."
            sites[at + "resid_pre"], sites[at + "resid_post"] = seen[f"{i}"]
            sites[at + "ln1.normalized"] = rms_norm(seen[f"{i}.norm"][0], block.norm, seen[f"{i}.norm"][1])
            sites[at + "ssm_out"] = seen[f"{i}.mixer"][1]
            found = mixer_sites(block.mixer, lambda name: seen[f"{i}.mixer.{name}"], mask)
            # steps of size 0 at padding, so that states there stay as they are
            found["dt"] = found["dt"] * mask.reshape(mask.shape + (1,) * (found["dt"].dim() - 2))
            sites |= {f"{at}ssm.{name}": value for name, value in found.items()}
        sites["ln_final.normalized"] = rms_norm(seen["norm"][0], body.norm_f, seen["norm"][1])
        return sites

    return sites_of


def mamba_sites(mixer, of, mask):
    conv_in, z = of("in_proj")[1].chunk(2, dim=-1)
    x, projected = of("x_proj")
    torch.testing.assert_close(convolved(mixer, conv_in, mask), x, **CLOSE)
    rank, size = mixer.time_step_rank, mixer.ssm_state_size
    down, B, C = projected.split([rank, size, size], dim=-1)
    dt = F.softplus(mixer.dt_proj(down))
    heads = x.shape[-1]
    every = lambda t: t[:, :, None].expand(-1, -1, heads, -1)
    states, y = scanned(x[..., None], dt, every(B), every(C), -mixer.A_log.exp())
    y = y.squeeze(-1) + x * mixer.D
    out = y * F.silu(z)
    torch.testing.assert_close(out, of("out_proj")[0], **CLOSE)
    return dict(conv_in=conv_in, z=z, x=x, dt=dt, B=B, C=C, state=states.squeeze(3), y=y, out=out)


def mamba2_sites(mixer, of, mask):
    inner, groups, size = mixer.intermediate_size, mixer.n_groups, mixer.ssm_state_size
    z, conv_in, dt = of("in_proj")[1].split([inner, mixer.conv_dim, mixer.num_heads], dim=-1)
    x, B, C = convolved(mixer, conv_in, mask).split([inner, groups * size, groups * size], dim=-1)
    x = x.unflatten(-1, (mixer.num_heads, mixer.head_dim))
    B, C = (t.unflatten(-1, (groups, size)) for t in (B, C))
    dt = F.softplus(dt + mixer.dt_bias).clamp(*mixer.time_step_limit)
    every = lambda t: t.repeat_interleave(mixer.num_heads // groups, dim=2)
    states, y = scanned(x, dt, every(B), every(C), -mixer.A_log.exp()[:, None])
    y = y + x * mixer.D[:, None]
    torch.testing.assert_close(y.flatten(2), of("norm")[0], **CLOSE)
    out = y.flatten(2) * F.silu(z)
    parts = out.unflatten(-1, (groups, -1))
    normalized = (parts * (parts.square().mean(-1, keepdim=True) + mixer.norm.variance_epsilon).rsqrt()).flatten(2)
    torch.testing.assert_close(normalized * mixer.norm.weight, of("norm")[1], **CLOSE)
    return dict(conv_in=conv_in, z=z, x=x, dt=dt, B=B, C=C, state=states, y=y, out=out) | {"norm.normalized": normalized}


def as_transformers_4(config):
    """The same config as transformers 4 wrote it, with keys that are gone."""
    return config | {"intermediate_size": 32, "rms_norm": True, "norm_before_gate": True, "torch_dtype": config.pop("dtype"),
                     "transformers_version": "4.57.1"}


# What stands in padding on the left reaches the convolution in transformers where the projection before it has a bias: rows padded
# there differ from the prompt alone.
ODD = dict(sites=sites, spread=spread, writes=("ssm_out",), takes_positions=False, pads=("right",))
PLAIN = ODD | dict(pads=("left", "right"))

RECIPES = [
    Recipe("mamba", mamba(), **PLAIN),
    Recipe("mamba-biases", mamba(use_bias=True, use_conv_bias=False, conv_kernel=3, expand=1, hidden_act="gelu",
                                 tie_word_embeddings=False), **ODD),
    Recipe("mamba2", mamba2(), **PLAIN, config=as_transformers_4),
    Recipe("mamba2-groups", mamba2(n_groups=2, use_bias=True, use_conv_bias=False, time_step_limit=(0.4, 0.9),
                                   tie_word_embeddings=True), **ODD),
]
