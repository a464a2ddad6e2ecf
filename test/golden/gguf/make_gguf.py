"""Writes the GGUF files that the tests of src/checkpoints/gguf read, and what they should be read as.

    pip install gguf transformers torch sentencepiece
    python test/golden/gguf/make_gguf.py                    # the fixtures beside this file
    python test/golden/gguf/make_gguf.py FOLDER OUT.gguf    # any of these families, as llama.cpp's converter writes it

`quants.gguf` holds a few blocks of every storage type and, as `NAME.expected`, what gguf-py makes of them. `FAMILY.gguf` is a
network of a few hundred numbers, each a function of its name and place (`pattern`), so that the expected tensors need not be
stored; `families.json` holds config.json and the tensors' shapes as transformers saves them. `byte-level.gguf` and
`sentence-piece.gguf` are vocabularies without weights; `tokenizers.json` holds texts and their ids.

The conversion follows llama.cpp's convert_hf_to_gguf.py; names come from gguf-py's own tables.
"""

import contextlib
import io
import json
import math
import re
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
from gguf import MODEL_ARCH as ARCH
from gguf import GGMLQuantizationType as TYPE

HERE = Path(__file__).parent

# ---------------------------------------------------------------------------------------------------------- conversion


class Converter:
    def __init__(self, config, tensors, out, alignment=32, matrix_type=TYPE.F16):
        self.config, self.tensors, self.matrix_type = config, tensors, matrix_type
        self.hf = config["architectures"][0]
        self.arch, self.parameters = FAMILIES[self.hf]
        self.layers = self.find("num_hidden_layers", "n_layer")
        self.heads = self.find("num_attention_heads", "n_head")
        self.kv_heads = self.find("num_key_value_heads") or self.heads
        self.names = gguf.get_tensor_name_map(self.arch, self.layers)
        self.writer = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[self.arch])
        if alignment != 32:
            self.writer.add_custom_alignment(alignment)
        self.writer.add_type("model")
        self.writer.add_name("tiny")
        self.writer.add_quantization_version(gguf.GGML_QUANT_VERSION)

    def find(self, *keys):
        return next((self.config[key] for key in keys if self.config.get(key) is not None), None)

    def write(self, vocabulary=None):
        (vocabulary or no_vocabulary)(self.writer, self)
        self.parameters(self)
        for name, data in self.converted():
            self.add(name, data)
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()

    def add(self, name, data):
        kind = self.matrix_type
        block = gguf.GGML_QUANT_SIZES[kind][0]
        if data.ndim < 2 or name.endswith("norm.weight") or data.shape[-1] % block or ".ssm_" in name or "gate_inp" in name:
            kind = TYPE.F32
        data = np.ascontiguousarray(data, dtype=np.float32)
        self.writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def mapped(self, name):
        return self.names.get_name(name, try_suffixes=(".weight", ".bias")) or sys.exit(f"no name for {name}")

    def converted(self):
        stacks = {}
        for name, data in self.tensors.items():
            for changed, numbers in self.changed(name, data):
                place = re.search(r"\.(?:experts|norms)\.(\d+)(?=\.)", changed)
                if place is None:
                    yield self.mapped(changed), numbers
                else:
                    kept = ".experts" if "experts" in changed else ""
                    whole = changed[: place.start()] + kept + changed[place.end() :]
                    stacks.setdefault(whole, {})[int(place[1])] = numbers
        for name, stack in stacks.items():
            yield self.mapped(name), np.stack([stack[i] for i in range(len(stack))])
        yield from self.extra()

    def changed(self, name, data):
        if self.arch in (ARCH.LLAMA, ARCH.GRANITE, ARCH.SMOLLM3):
            if re.search(r"q_proj\.(weight|bias)$", name):
                data = permuted(data, self.heads)
            if re.search(r"k_proj\.(weight|bias)$", name):
                data = permuted(data, self.kv_heads)
        if self.arch in (ARCH.GEMMA, ARCH.GEMMA2, ARCH.GEMMA3) and name.endswith("norm.weight"):
            data = data + 1
        if self.arch in (ARCH.GPTNEOX, ARCH.BLOOM) and "query_key_value" in name:
            by_head = data.reshape(self.heads, 3, -1, *data.shape[1:])
            data = np.concatenate([by_head[:, i].reshape(-1, *data.shape[1:]) for i in range(3)])
        if self.arch == ARCH.GPT2 and re.search(r"(c_attn|c_proj|c_fc)\.weight$", name):
            data = data.T
        if self.arch == ARCH.BLOOM:
            name = name.removeprefix("transformer.")
        if name.endswith("kv_b_proj.weight"):
            d_key, d_value = self.config["qk_nope_head_dim"], self.config["v_head_dim"]
            both = data.reshape(self.heads, d_key + d_value, -1)
            yield name.replace("kv_b_proj", "k_b_proj"), both[:, :d_key].transpose(0, 2, 1)
            yield name.replace("kv_b_proj", "v_b_proj"), both[:, d_key:]
            return
        if self.arch == ARCH.GPT_OSS:
            yield from self.changed_gpt_oss(name, data)
            return
        name = name.replace("e_score_correction_bias", "e_score_correction.bias")
        if name.endswith("conv1d.weight"):
            data = data.squeeze(1)
        if name.endswith(".A_log"):
            data = -np.exp(data)
        if self.arch == ARCH.MAMBA2:
            name = re.sub(r"\.dt_bias$", ".dt_proj.bias", name)
            if name.endswith((".A_log", ".D")):
                yield name, data.reshape(-1, 1)
                return
            if name.endswith("mixer.norm.weight"):
                data = data.reshape(self.config["n_groups"], -1)
        yield name, data

    def changed_gpt_oss(self, name, data):
        if "sinks" in name:
            yield name + ".weight", data
        elif "gate_up_proj" in name:
            for i, part in enumerate(("gate_proj", "up_proj")):
                if name.endswith("_bias"):
                    yield name.replace("gate_up_proj_bias", part + ".bias"), data[..., i::2]
                else:
                    yield name.replace("gate_up_proj", part + ".weight"), data.transpose(0, 2, 1)[:, i::2]
        elif name.endswith("down_proj"):
            yield name + ".weight", data.transpose(0, 2, 1)
        else:
            yield name.replace("down_proj_bias", "down_proj.bias"), data

    def extra(self):
        rope = self.config.get("rope_parameters") or {}
        if rope.get("rope_type") == "llama3":
            yield "rope_freqs.weight", llama3_factors(rope, self.config["head_dim"])
        if rope.get("rope_type") == "longrope":
            yield "rope_factors_long.weight", np.array(rope["long_factor"])
            yield "rope_factors_short.weight", np.array(rope["short_factor"])


def permuted(data, heads):
    return data.reshape(heads, 2, data.shape[0] // heads // 2, *data.shape[1:]).swapaxes(1, 2).reshape(data.shape)


def llama3_factors(rope, dim):
    factors = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        turns = rope["original_max_position_embeddings"] / wavelength
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        smooth = min(max((turns - low) / (high - low), 0), 1)
        factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def common(self):
    w, c = self.writer, self.config
    w.add_block_count(self.layers)
    for add, keys in (
        (w.add_context_length, ("max_position_embeddings", "n_positions")),
        (w.add_embedding_length, ("hidden_size", "n_embd")),
        (w.add_feed_forward_length, ("intermediate_size", "n_inner")),
        (w.add_head_count, ("num_attention_heads", "n_head")),
        (w.add_head_count_kv, ("num_key_value_heads",)),
        (w.add_layer_norm_rms_eps, ("rms_norm_eps",)),
        (w.add_layer_norm_eps, ("layer_norm_eps", "layer_norm_epsilon")),
        (w.add_expert_count, ("num_local_experts", "num_experts", "n_routed_experts")),
        (w.add_expert_used_count, ("num_experts_per_tok",)),
        (w.add_expert_group_count, ("n_group",)),
        (w.add_expert_group_used_count, ("topk_group",)),
    ):
        if (value := self.find(*keys)) is not None:
            add(value)
    if c.get("head_dim") and self.arch not in (ARCH.GRANITE, ARCH.DEEPSEEK2):
        w.add_key_length(c["head_dim"])
        w.add_value_length(c["head_dim"])
    rope = c.get("rope_parameters") or {}
    local = rope.get("sliding_attention")
    rope = rope.get("full_attention", rope)
    if "rope_theta" in rope:
        w.add_rope_freq_base(rope["rope_theta"])
    if local is not None:
        w.add_rope_freq_base_swa(local["rope_theta"])
    if rope.get("rope_type") in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        w.add_rope_scaling_factor(rope["factor"])
    if rope.get("rope_type") == "yarn":
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        for key, add in (("beta_fast", w.add_rope_scaling_yarn_beta_fast), ("beta_slow", w.add_rope_scaling_yarn_beta_slow)):
            if key in rope:
                add(rope[key])
    if rope.get("rope_type") == "longrope":
        w.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def whole_rope(self):
    common(self)
    self.writer.add_vocab_size(self.config["vocab_size"])
    self.writer.add_rope_dimension_count(self.find("head_dim") or self.config["hidden_size"] // self.heads)


def partial_rope(self):
    common(self)
    share = self.config["rope_parameters"]["partial_rotary_factor"]
    self.writer.add_rope_dimension_count(int(share * self.config["hidden_size"]) // self.heads)
    if (parallel := self.config.get("use_parallel_residual")) is not None:
        self.writer.add_parallel_residual(parallel)


def phi3(self):
    partial_rope(self)
    if self.config["rope_parameters"].get("rope_type") != "longrope":
        self.writer.add_rope_scaling_orig_ctx_len(self.config["original_max_position_embeddings"])
    self.writer.add_sliding_window(self.config["sliding_window"] or 0)


def gemma(self):
    common(self)
    if self.arch == ARCH.GEMMA2:
        self.writer.add_attn_logit_softcapping(self.config["attn_logit_softcapping"])
        self.writer.add_final_logit_softcapping(self.config["final_logit_softcapping"])
    if self.arch != ARCH.GEMMA:
        self.writer.add_sliding_window(self.config["sliding_window"])


def gpt2(self):
    self.config["n_inner"] = 4 * self.config["n_embd"]
    common(self)


def bloom(self):
    self.config["intermediate_size"] = 4 * self.config["hidden_size"]
    self.config["num_key_value_heads"] = self.heads
    common(self)
    self.writer.add_context_length(self.config["seq_length"])


def granite(self):
    whole_rope(self)
    self.writer.add_attention_scale(self.config["attention_multiplier"])
    self.writer.add_embedding_scale(self.config["embedding_multiplier"])
    self.writer.add_residual_scale(self.config["residual_multiplier"])
    self.writer.add_logit_scale(self.config["logits_scaling"])


def experts(self):
    common(self)
    for key, add in (
        ("moe_intermediate_size", self.writer.add_expert_feed_forward_length),
        ("shared_expert_intermediate_size", self.writer.add_expert_shared_feed_forward_length),
    ):
        if key in self.config:
            add(self.config[key])


def deepseek(self):
    w, c = self.writer, self.config
    c["num_key_value_heads"] = 1
    common(self)
    w.add_vocab_size(c["vocab_size"])
    w.add_leading_dense_block_count(c["first_k_dense_replace"])
    if c["q_lora_rank"] is not None:
        w.add_q_lora_rank(c["q_lora_rank"])
    w.add_kv_lora_rank(c["kv_lora_rank"])
    w.add_key_length(c["kv_lora_rank"] + c["qk_rope_head_dim"])
    w.add_value_length(c["kv_lora_rank"])
    w.add_key_length_mla(c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
    w.add_value_length_mla(c["v_head_dim"])
    w.add_expert_feed_forward_length(c["moe_intermediate_size"])
    w.add_expert_shared_count(c["n_shared_experts"])
    w.add_expert_weights_scale(c["routed_scaling_factor"])
    if c["norm_topk_prob"]:
        w.add_expert_weights_norm(True)
    is_v3 = self.hf == "DeepseekV3ForCausalLM"
    w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID if is_v3 else gguf.ExpertGatingFuncType.SOFTMAX)
    w.add_rope_dimension_count(c["qk_rope_head_dim"])
    if (mscale := c["rope_parameters"].get("mscale_all_dim")) is not None:
        w.add_rope_scaling_yarn_log_mul(0.1 * mscale)


def gpt_oss(self):
    common(self)
    self.writer.add_sliding_window(self.config["sliding_window"])
    self.writer.add_expert_feed_forward_length(self.config["intermediate_size"])


def mamba(self):
    w, c = self.writer, self.config
    inner = c["expand"] * c["hidden_size"]
    w.add_context_length(2**20)
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(0)
    w.add_head_count(0)
    w.add_block_count(self.layers)
    w.add_ssm_conv_kernel(c["conv_kernel"])
    w.add_ssm_inner_size(inner)
    w.add_ssm_state_size(c["state_size"])
    w.add_layer_norm_rms_eps(c["layer_norm_epsilon"])
    if self.arch == ARCH.MAMBA:
        w.add_ssm_time_step_rank(c["time_step_rank"])
        w.add_ssm_dt_b_c_rms(False)
    else:
        w.add_ssm_time_step_rank(inner // c["head_dim"])
        w.add_ssm_group_count(c["n_groups"])


FAMILIES = {
    "LlamaForCausalLM": (ARCH.LLAMA, whole_rope),
    "MistralForCausalLM": (ARCH.LLAMA, whole_rope),
    "MixtralForCausalLM": (ARCH.LLAMA, whole_rope),
    "Qwen2ForCausalLM": (ARCH.QWEN2, common),
    "Qwen2MoeForCausalLM": (ARCH.QWEN2MOE, experts),
    "Qwen3ForCausalLM": (ARCH.QWEN3, common),
    "Qwen3MoeForCausalLM": (ARCH.QWEN3MOE, experts),
    "GemmaForCausalLM": (ARCH.GEMMA, gemma),
    "Gemma2ForCausalLM": (ARCH.GEMMA2, gemma),
    "Gemma3ForCausalLM": (ARCH.GEMMA3, gemma),
    "PhiForCausalLM": (ARCH.PHI2, partial_rope),
    "Phi3ForCausalLM": (ARCH.PHI3, phi3),
    "GPT2LMHeadModel": (ARCH.GPT2, gpt2),
    "GPTNeoXForCausalLM": (ARCH.GPTNEOX, partial_rope),
    "BloomForCausalLM": (ARCH.BLOOM, bloom),
    "Olmo2ForCausalLM": (ARCH.OLMO2, common),
    "OlmoeForCausalLM": (ARCH.OLMOE, common),
    "StableLmForCausalLM": (ARCH.STABLELM, partial_rope),
    "SmolLM3ForCausalLM": (ARCH.SMOLLM3, whole_rope),
    "GraniteForCausalLM": (ARCH.GRANITE, granite),
    "DeepseekV2ForCausalLM": (ARCH.DEEPSEEK2, deepseek),
    "DeepseekV3ForCausalLM": (ARCH.DEEPSEEK2, deepseek),
    "GptOssForCausalLM": (ARCH.GPT_OSS, gpt_oss),
    "MambaForCausalLM": (ARCH.MAMBA, mamba),
    "Mamba2ForCausalLM": (ARCH.MAMBA2, mamba),
}


def no_vocabulary(writer, _):
    writer.add_tokenizer_model("no_vocab")


def convert(folder, out, vocabulary=None, **options):
    from safetensors.numpy import load_file

    config = json.loads((Path(folder) / "config.json").read_text())
    tensors = {}
    for file in sorted(Path(folder).glob("*.safetensors")):
        tensors.update(load_file(file))
    Converter(config, tensors, out, **options).write(vocabulary)


# ------------------------------------------------------------------------------------------------------------ families

SMALL = dict(
    vocab_size=10, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, max_position_embeddings=64,
)  # fmt: skip
WIDE = dict(SMALL, head_dim=8)
EXPERTS = dict(num_experts_per_tok=2)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=8192,
)  # fmt: skip
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=40.0, beta_fast=32.0, beta_slow=1.0, original_max_position_embeddings=16)
LATENT = dict(
    SMALL, num_key_value_heads=2, kv_lora_rank=4, qk_nope_head_dim=4, qk_rope_head_dim=2, v_head_dim=6, n_routed_experts=3,
    n_shared_experts=1, moe_intermediate_size=4, first_k_dense_replace=1, topk_group=1, **EXPERTS,
)  # fmt: skip

EXAMPLES = {
    "llama": ("LlamaForCausalLM", dict(SMALL, num_attention_heads=4, num_key_value_heads=2, head_dim=8, rope_parameters=LLAMA3)),
    "mixtral": ("MixtralForCausalLM", dict(SMALL, head_dim=4, num_local_experts=3, **EXPERTS)),
    "qwen2": ("Qwen2ForCausalLM", dict(SMALL, tie_word_embeddings=True)),
    "qwen2moe": ("Qwen2MoeForCausalLM", dict(SMALL, num_experts=3, moe_intermediate_size=4, shared_expert_intermediate_size=6, **EXPERTS)),
    "qwen3": ("Qwen3ForCausalLM", WIDE),
    "qwen3moe": ("Qwen3MoeForCausalLM", dict(WIDE, num_experts=3, moe_intermediate_size=4, norm_topk_prob=True, **EXPERTS)),
    "gemma": ("GemmaForCausalLM", dict(WIDE, num_hidden_layers=1)),
    "gemma2": ("Gemma2ForCausalLM", dict(WIDE, query_pre_attn_scalar=8, sliding_window=16)),
    "gemma3": ("Gemma3ForCausalLM", dict(WIDE, num_hidden_layers=7, intermediate_size=4, query_pre_attn_scalar=8, sliding_window=16)),
    "phi2": ("PhiForCausalLM", dict(SMALL, num_key_value_heads=2, intermediate_size=32)),
    "phi3": ("Phi3ForCausalLM", dict(SMALL, pad_token_id=0, original_max_position_embeddings=16, rope_parameters=dict(
        rope_type="longrope", rope_theta=10000.0, long_factor=[1.0, 2.5], short_factor=[1.0, 1.25],
        original_max_position_embeddings=16))),
    "gpt2": ("GPT2LMHeadModel", dict(vocab_size=10, n_embd=8, n_layer=2, n_head=2, n_positions=16)),
    "gptneox": ("GPTNeoXForCausalLM", {**{k: v for k, v in SMALL.items() if k != "num_key_value_heads"}, "rope_parameters": dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)}),
    "bloom": ("BloomForCausalLM", dict(vocab_size=10, hidden_size=8, n_layer=2, n_head=2, seq_length=64)),
    "olmo2": ("Olmo2ForCausalLM", dict(SMALL, pad_token_id=1)),
    "olmoe": ("OlmoeForCausalLM", dict(SMALL, num_experts=3, pad_token_id=1, **EXPERTS)),
    "stablelm": ("StableLmForCausalLM", {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 16, "qk_layernorm": True, "rope_parameters": dict(
        rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)}),
    "smollm3": ("SmolLM3ForCausalLM", dict(SMALL, num_hidden_layers=4, intermediate_size=4, pad_token_id=0)),
    "granite": ("GraniteForCausalLM", dict(SMALL, embedding_multiplier=12.0, attention_multiplier=0.015625, residual_multiplier=0.22,
        logits_scaling=8.0)),
    "deepseek2": ("DeepseekV2ForCausalLM", dict(LATENT, q_lora_rank=None, n_group=1, topk_method="greedy", rope_parameters=dict(
        YARN, mscale=0.707, mscale_all_dim=0.707))),
    "deepseek3": ("DeepseekV3ForCausalLM", dict(LATENT, n_routed_experts=4, q_lora_rank=4, n_group=2)),
    "gpt-oss": ("GptOssForCausalLM", dict(WIDE, num_local_experts=3, sliding_window=16, **EXPERTS)),
    "mamba": ("MambaForCausalLM", dict(vocab_size=10, hidden_size=8, state_size=4, num_hidden_layers=2, expand=2, time_step_rank=2)),
    "mamba2": ("Mamba2ForCausalLM", dict(vocab_size=10, hidden_size=8, state_size=4, num_hidden_layers=2, expand=2, num_heads=4, head_dim=4, n_groups=2)),
}  # fmt: skip


def pattern(name, shape):
    """Multiples of 1/64 in -2..2, exact in half precision."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) % 2**32
    i = np.arange(math.prod(shape), dtype=np.int64)
    return (((seed % 65536 + 31 * i * i + 7 * i) % 256 - 128) / 64).astype(np.float32).reshape(shape)


def write_families():
    import torch
    import transformers
    from safetensors.numpy import load_file

    expected = {}
    for family, (architecture, sizes) in EXAMPLES.items():
        network = getattr(transformers, architecture)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            torch.manual_seed(0)
            network(network.config_class(**sizes)).save_pretrained(folder)
            config = json.loads((Path(folder) / "config.json").read_text())
            shapes = {name: list(data.shape) for name, data in load_file(f"{folder}/model.safetensors").items()}
        expected[family] = {"config": config, "tensors": shapes}
        tensors = {name: pattern(name, shape) for name, shape in shapes.items()}
        Converter(json.loads(json.dumps(config)), tensors, HERE / f"{family}.gguf", alignment=16).write()
    lines = [f"{json.dumps(family)}: {json.dumps(entry)}" for family, entry in expected.items()]
    (HERE / "families.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


# -------------------------------------------------------------------------------------------------------------- quants

CHOSEN = (TYPE.F16, TYPE.BF16, TYPE.Q4_0, TYPE.Q4_1, TYPE.Q5_0, TYPE.Q5_1, TYPE.Q8_0, TYPE.Q2_K, TYPE.Q3_K, TYPE.Q4_K,
          TYPE.Q5_K, TYPE.Q6_K, TYPE.IQ4_NL, TYPE.IQ4_XS, TYPE.MXFP4)  # fmt: skip
HALVES = {TYPE.Q4_0: [0], TYPE.Q4_1: [0, 2], TYPE.Q5_0: [0], TYPE.Q5_1: [0, 2], TYPE.Q8_0: [0], TYPE.Q2_K: [80, 82],
          TYPE.Q3_K: [108], TYPE.Q4_K: [0, 2], TYPE.Q5_K: [0, 2], TYPE.Q6_K: [208], TYPE.IQ4_NL: [0], TYPE.IQ4_XS: [0]}  # fmt: skip


def write_quants():
    """Random bits in every field; scales, which are half precision, are kept finite."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(HERE / "quants.gguf", "none")
    for kind in CHOSEN:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        count = 2 if block == 256 else 64 if block == 1 else 4
        data = rng.integers(0, 256, (count, size), dtype=np.uint8)
        if kind == TYPE.F16:
            data = rng.uniform(-2, 2, count).astype(np.float16).view(np.uint8).reshape(count, size)
            data[:3] = np.array([1, 0x8000, 0x03FF], dtype=np.uint16).view(np.uint8).reshape(3, 2)
        if kind == TYPE.BF16:
            data[:, 1] &= 0xBF
        if kind == TYPE.MXFP4:
            data[:, 0] = [0, 1, 127, 250]
        for at in HALVES.get(kind, []):
            scales = rng.uniform(-1, 1, count) * 2.0 ** rng.integers(-20, 6, count)
            data[:, at : at + 2] = scales.astype(np.float16).view(np.uint8).reshape(count, 2)
        writer.add_tensor(kind.name, data.reshape(1, -1) if block > 1 else data.reshape(-1), raw_dtype=kind)
        numbers = gguf.quants.dequantize(data.reshape(1, -1), kind).astype(np.float32).reshape(-1)
        writer.add_tensor(f"{kind.name}.expected", numbers)
    for kind, dtype in ((TYPE.F64, np.float64), (TYPE.I8, np.int8), (TYPE.I16, np.int16), (TYPE.I32, np.int32), (TYPE.I64, np.int64)):
        writer.add_tensor(kind.name, np.array([0, 1, -1, 100, -128], dtype=dtype) + dtype(0.1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---------------------------------------------------------------------------------------------------------- tokenizers

CORPUS = """Mira gave the red cup to Tomo. "Don't you'll we've I'M they're", she said; 12345 + 67 = 12412!
The quick brown fox jumps over the lazy dog, again and again and again. for (let i = 0; i < 10; i++) { console.log(i); }
Größe, naïve café, Straße. Привет, мир! 你好，世界。こんにちは 안녕하세요 🙂🙃 the cup, the fox, the dog and the world
""" * 4  # fmt: skip

TEXTS = [
    "",
    "Hello world",
    " leading and  double   spaces ",
    "tabs\tand\nnew\r\nlines\n\n\n  indented\n",
    "don't DON'T We'Ve o'clock",
    "1 12 123 1234 12345678 3.14",
    "camelCase HTMLParser snake_case x==y && z!=0 //",
    "Größe naïve e\u0301 \u00a0nbsp",
    "你好世界。こんにちは 안녕",
    "🙂👩\u200d👩\u200d👧 flag 🇩🇪",
    "<s>markup</s> <|end|> <unk>",
    "Привет, мир! ١٢٣ ½ ²",
    "the the the cup cup",
]

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CL100K = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+END"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*END"
    r"|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def cuttings():
    """How the tokenizer.json of each family cuts texts, whether it composes them, and whether it ignores merges."""
    from tokenizers import Regex
    from tokenizers import pre_tokenizers as pre

    def split(*regexes):
        return pre.Sequence([*(pre.Split(Regex(r), "isolated") for r in regexes), pre.ByteLevel(add_prefix_space=False, use_regex=False)])

    gpt2 = pre.ByteLevel(add_prefix_space=False)
    digits = pre.Sequence([pre.Digits(individual_digits=True), gpt2])
    v3 = (
        r"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    )
    return {
        "gpt-2": (gpt2, False, False),
        "smollm": (digits, False, False),
        "llama-bpe": (split(CL100K.replace("DIGITS", r"\p{N}{1,3}")), False, True),
        "qwen2": (split(CL100K.replace("DIGITS", r"\p{N}")), True, False),
        "tekken": (split(O200K.replace("END", "").replace("DIGITS", r"\p{N}")), False, True),
        "gpt-4o": (split(O200K.replace("END", CONTRACTIONS + "?").replace("DIGITS", r"\p{N}{1,3}")), False, False),
        "deepseek-v3": (split(*v3), False, False),
        "bloom": (split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), False, False),
    }


def write_tokenizers():
    expected = {"texts": TEXTS, "byte-level": write_byte_level(), "sentence-piece": write_sentence_piece()}
    lines = [json.dumps(key) + ": " + json.dumps(value) for key, value in expected.items()]
    (HERE / "tokenizers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_byte_level():
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator([CORPUS], trainer)
    model = json.loads(trained.to_str())["model"]
    # a token that its merges do not make: whoever ignores merges finds it all the same
    tokens = [*sorted(model["vocab"], key=model["vocab"].get), "Ġcup,", "lines", "<|end|>"]
    vocab = {token: i for i, token in enumerate(tokens)}
    merges = [tuple(pair) for pair in model["merges"]]
    ids = {}
    for name, (cutting, composes, ignores) in cuttings().items():
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignores))
        tokenizer.pre_tokenizer = cutting
        tokenizer.decoder = decoders.ByteLevel()
        if composes:
            tokenizer.normalizer = normalizers.NFC()
        tokenizer.add_special_tokens(special)
        tokenizer.add_tokens(["<|end|>"])
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
        ids[name] = [fast(text)["input_ids"] for text in TEXTS]
    kinds = [3 if token in special else 4 if token == "<|end|>" else 1 for token in tokens]

    def vocabulary(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges([" ".join(pair) for pair in merges])
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
        writer.add_add_bos_token(False)
        writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")

    write_vocabulary("byte-level", vocabulary)
    return ids


def write_sentence_piece():
    import sentencepiece
    from transformers import LlamaTokenizer

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "corpus.txt").write_text(CORPUS)
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/corpus.txt", model_prefix=f"{folder}/tokenizer", vocab_size=420, model_type="bpe", byte_fallback=True,
            character_coverage=0.98, remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True,
            allow_whitespace_only_pieces=True, minloglevel=2,
        )  # fmt: skip
        pieces = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/tokenizer.model")
        theirs = LlamaTokenizer.from_pretrained(folder, legacy=True, add_bos_token=True)
        ids = {
            # what sentencepiece itself says of texts without markup, with <s> in front
            "sentencepiece": [[pieces.bos_id(), *pieces.encode(text)] for text in TEXTS],
            "transformers": [theirs(text)["input_ids"] for text in TEXTS],
        }
    count = pieces.vocab_size()
    kinds = [2 if pieces.is_unknown(i) else 3 if pieces.is_control(i) else 6 if pieces.is_byte(i) else 1 for i in range(count)]

    def vocabulary(writer):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([pieces.id_to_piece(i) for i in range(count)])
        writer.add_token_scores([pieces.get_score(i) for i in range(count)])
        writer.add_token_types(kinds)
        writer.add_bos_token_id(pieces.bos_id())
        writer.add_eos_token_id(pieces.eos_id())
        writer.add_unk_token_id(pieces.unk_id())

    write_vocabulary("sentence-piece", vocabulary)
    return ids


def write_vocabulary(name, add):
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
    add(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        convert(sys.argv[1], sys.argv[2])
    else:
        write_quants()
        write_families()
        write_tokenizers()
