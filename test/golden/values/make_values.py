"""Makes files of steering and adapting libraries, and what those libraries compute with them.

    pip install torch==2.13.0 transformers==5.23.0 safetensors gguf==0.19.0 repeng==0.4.0 scikit-learn peft==0.21.2
    python test/golden/values/make_values.py            (a minute; rewrites the files beside it)

The network is test/golden/llama. Written are

    control-vector.gguf        trained by repeng on pairs of made-up texts and exported by it
    control-vector-deep.gguf   the same form with three layers, exported by repeng
    lora/                      saved by PEFT: rank 2 and 3, random A and B, so that merging changes all it names
    expected.safetensors       ids; logits [pos, vocab] plain, steered by repeng (0.7 and -1.5 times) and adapted by PEFT
"""

import shutil
import sys
from pathlib import Path

import numpy as np

np.float_ = np.float64  # repeng names a type that newer numpy lacks

import torch
from peft import LoraConfig, get_peft_model
from repeng import ControlModel, ControlVector, DatasetEntry
from repeng.control import ControlModule
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
NETWORK = HERE.parent / "llama"
IDS = [2, 60, 28, 71, 17, 93, 5]
COEFFICIENTS = {"up": 0.7, "down": -1.5}

# newer transformers read attributes of blocks, which repeng's wrapper does not pass on
ControlModule.__getattr__ = lambda self, name: (
    torch.nn.Module.__getattr__(self, name) if name in ("block",) else getattr(torch.nn.Module.__getattr__(self, "block"), name)
)


def opened():
    return AutoModelForCausalLM.from_pretrained(NETWORK, dtype=torch.float32, attn_implementation="eager").eval()


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].clone()


def control_vectors(expected):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(NETWORK / "tokenizer.json"), pad_token="<pad>")
    ends = [f"w{i} w{i + 3} w{(7 * i) % 60 + 20}" for i in range(10, 22)]
    pairs = [DatasetEntry(positive=f"w30 w31 {end}", negative=f"w40 w41 {end}") for end in ends]
    model = ControlModel(opened(), [1])
    vector = ControlVector.train(model, tokenizer, pairs)
    path = HERE / "control-vector.gguf"
    vector.export_gguf(path)
    assert ControlVector.import_gguf(path) == vector
    for name, coefficient in COEFFICIENTS.items():
        model.set_control(vector, coefficient)
        expected[f"steered.{name}"] = logits(model)
    model.reset()
    assert torch.equal(logits(model), expected["plain"])
    rng = np.random.default_rng(5)
    deep = {layer: rng.standard_normal(6).astype(np.float32) for layer in (3, 2, 1)}
    ControlVector(model_type="mistral", directions=deep).export_gguf(HERE / "control-vector-deep.gguf")


def adapters(expected):
    torch.manual_seed(7)
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "down_proj"], rank_pattern={"down_proj": 3},
                        alpha_pattern={"down_proj": 4.5}, lora_dropout=0.1)
    model = get_peft_model(opened(), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    shutil.rmtree(HERE / "lora", ignore_errors=True)
    model.save_pretrained(HERE / "lora")
    (HERE / "lora" / "README.md").unlink(missing_ok=True)
    config_file = HERE / "lora" / "adapter_config.json"
    config_file.write_text(config_file.read_text().replace(str(NETWORK), "llama"))
    expected["adapted"] = logits(model)


def main():
    torch.set_num_threads(1)
    expected = {"ids": torch.tensor(IDS), "plain": logits(opened())}
    control_vectors(expected)
    adapters(expected)
    save_file(expected, HERE / "expected.safetensors")


if __name__ == "__main__":
    sys.exit(main())
