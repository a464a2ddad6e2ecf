"""Makes folders of SAELens with random weights, and what SAELens computes with them.

    pip install sae-lens==6.54.12 transformer-lens==3.0.0
    python test/golden/values/make_saelens.py           (seconds; rewrites saelens/ beside it)

Every folder is saved by SAELens but `early`, whose cfg.json has the keys of version 3. Beside each lies expected.safetensors: x [row,
width], features [row, feature] and out [row, width].
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from sae_lens import SAE
from sae_lens.registry import get_sae_class
from sae_lens.saes.sae import SAEMetadata

WIDTH, FEATURES, ROWS = 6, 9, 7
HERE = Path(__file__).parent / "saelens"

FOLDERS = {
    "standard": ("standard", {"apply_b_dec_to_input": False}),
    "standard-norm": ("standard", {"normalize_activations": "constant_norm_rescale"}),
    "standard-layer-norm": ("standard", {"normalize_activations": "layer_norm"}),
    "topk": ("topk", {"k": 3}),
    "topk-rescaled": ("topk", {"k": 3, "rescale_acts_by_decoder_norm": True}),
    "jumprelu": ("jumprelu", {"apply_b_dec_to_input": False}),
    "gated": ("gated", {}),
}


def made(name, architecture, options):
    torch.manual_seed(sum(name.encode()))
    sae_class, config_class = get_sae_class(architecture)
    metadata = SAEMetadata(hook_name="blocks.1.hook_resid_post", model_name="tiny", neuronpedia_id=f"tiny/{name}")
    sae = sae_class(config_class(d_in=WIDTH, d_sae=FEATURES, metadata=metadata, **options))
    with torch.no_grad():
        for own, parameter in sae.named_parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.3 if own == "r_mag" else 1))
    folder = HERE / name
    sae.save_model(folder)
    x = torch.randn(ROWS, WIDTH)
    with torch.no_grad():
        features = sae.encode(x)
        out = sae.decode(features)
    save_file({"x": x, "features": features, "out": out.contiguous()}, folder / "expected.safetensors")
    return folder


def early(folder):
    """The topk folder, with cfg.json as version 3 wrote it."""
    target = HERE / "early"
    shutil.copytree(folder, target)
    config = {
        "architecture": "standard",
        "d_in": WIDTH,
        "d_sae": FEATURES,
        "dtype": "float32",
        "device": "cpu",
        "model_name": "tiny",
        "hook_name": "blocks.1.hook_resid_post",
        "hook_layer": 1,
        "hook_head_index": None,
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 3},
        "apply_b_dec_to_input": True,
        "finetuning_scaling_factor": False,
        "sae_lens_training_version": "3.20.3",
        "prepend_bos": True,
        "dataset_path": "tiny",
        "dataset_trust_remote_code": True,
        "context_size": 128,
        "normalize_activations": "none",
        "neuronpedia_id": None,
        "model_from_pretrained_kwargs": {"center_writing_weights": False},
        "l1_coefficient": 5,
        "lp_norm": 1.0,
    }
    (target / "cfg.json").write_text(json.dumps(config))
    # it opens there as well, and computes the same
    sae = SAE.load_from_disk(target)
    assert torch.equal(sae.W_enc, SAE.load_from_disk(folder).W_enc) and sae.cfg.k == 3


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    folders = {name: made(name, *given) for name, given in FOLDERS.items()}
    early(folders["topk"])
