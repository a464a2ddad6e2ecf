"""Makes tiny ONNX exports of transformers models with random weights, and what PyTorch computes with the same weights.

    pip install torch==2.13.0 transformers==5.23.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.31.1 safetensors
    python test/golden/onnx/exports/make_exports.py [MODEL ...]        (a minute in all; rewrites what it names)

MODEL-FORM.onnx is a model in one of these forms, which differ in names and structure:

    script      torch.onnx's exporter of TorchScript, eager attention
    old         the same in operator set 13, where norms are taken apart
    dynamo      torch.onnx's exporter of programs, attention by scaled_dot_product_attention
    past        script or dynamo with keys and values of earlier tokens as inputs and outputs
    fused       what transformers.js is mostly given: operators of ONNX Runtime such as SkipLayerNormalization, MultiHeadAttention,
                GroupQueryAttention, BiasGelu

MODEL.safetensors holds what goes in and what PyTorch makes of it, in float32 with eager attention:

    in/NAME          inputs by their names in the exports
    <site>           values at standard sites, taken by hooks; the weights are large enough for them to be of order 1
    hidden/I         output_hidden_states, which after the last block holds the normalised stream
    weight           of the shape of the logits; the scalar that is differentiated is sum(weight * logits)
    grad/<site>      its gradients, by autograd
    steer, steered   a vector, and the logits when a hook adds it to the output of block 0

Every export is run by ONNX Runtime and must give PyTorch's logits, or it is not written.
"""

import contextlib
import io
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from safetensors.torch import save_file
from transformers import DynamicCache

HERE = Path(__file__).parent
VOCAB, WIDTH, WIDE, HEADS, PIXELS = 61, 16, 24, 2, 16
CLOSE = dict(atol=3e-5, rtol=1e-4)
TOKENS = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def gpt2():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        **TOKENS, n_positions=32, n_embd=WIDTH, n_layer=2, n_head=HEADS))


def llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **TOKENS, hidden_size=WIDTH, intermediate_size=WIDE, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, max_position_embeddings=32, tie_word_embeddings=False))


def neox():
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
        **TOKENS, hidden_size=WIDTH, intermediate_size=WIDE, num_hidden_layers=2, num_attention_heads=HEADS,
        max_position_embeddings=32))


def bert():
    return transformers.BertForMaskedLM(transformers.BertConfig(
        **TOKENS, hidden_size=WIDTH, intermediate_size=WIDE, num_hidden_layers=2, num_attention_heads=HEADS,
        max_position_embeddings=32))


def vit():
    return transformers.ViTForImageClassification(transformers.ViTConfig(
        hidden_size=WIDTH, intermediate_size=WIDE, num_hidden_layers=2, num_attention_heads=HEADS, image_size=PIXELS, patch_size=8,
        num_labels=5))


def resnet():
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[16, 32], depths=[2, 1], layer_type="basic", num_labels=5))


# Which module's input or output a site is; `heads` cuts the last axis into that many heads.
INPUT, OUTPUT = "input", "output"


def gpt2_sites(i):
    at = f"transformer.h.{i}."
    return {"attn.z": (at + "attn.c_proj", INPUT, HEADS), "attn_out": (at + "attn.c_proj", OUTPUT, None),
            "mlp.pre": (at + "mlp.c_fc", OUTPUT, None), "mlp.post": (at + "mlp.c_proj", INPUT, None),
            "mlp_out": (at + "mlp.c_proj", OUTPUT, None), "resid_post": (at[:-1], OUTPUT, None)}


def llama_sites(i):
    at = f"model.layers.{i}."
    return {"attn.q": (at + "self_attn.q_proj", OUTPUT, 4), "attn.k": (at + "self_attn.k_proj", OUTPUT, 2),
            "attn.v": (at + "self_attn.v_proj", OUTPUT, 2), "attn.z": (at + "self_attn.o_proj", INPUT, 4),
            "attn_out": (at + "self_attn.o_proj", OUTPUT, None), "resid_mid": (at + "post_attention_layernorm", INPUT, None),
            "mlp.gate": (at + "mlp.gate_proj", OUTPUT, None), "mlp.pre": (at + "mlp.up_proj", OUTPUT, None),
            "mlp.post": (at + "mlp.down_proj", INPUT, None), "mlp_out": (at + "mlp.down_proj", OUTPUT, None),
            "resid_post": (at[:-1], OUTPUT, None)}


def neox_sites(i):
    at = f"gpt_neox.layers.{i}."
    return {"attn.z": (at + "attention.dense", INPUT, HEADS), "attn_out": (at + "attention.dense", OUTPUT, None),
            "mlp.pre": (at + "mlp.dense_h_to_4h", OUTPUT, None), "mlp.post": (at + "mlp.dense_4h_to_h", INPUT, None),
            "mlp_out": (at + "mlp.dense_4h_to_h", OUTPUT, None), "resid_post": (at[:-1], OUTPUT, None)}


def bert_sites(i):
    at = f"bert.encoder.layer.{i}."
    return {"attn.q": (at + "attention.self.query", OUTPUT, HEADS), "attn.k": (at + "attention.self.key", OUTPUT, HEADS),
            "attn.v": (at + "attention.self.value", OUTPUT, HEADS), "attn.z": (at + "attention.output.dense", INPUT, HEADS),
            "attn_out": (at + "attention.output.dense", OUTPUT, None), "resid_mid": (at + "attention.output", OUTPUT, None),
            "mlp.pre": (at + "intermediate.dense", OUTPUT, None), "mlp.post": (at + "output.dense", INPUT, None),
            "mlp_out": (at + "output.dense", OUTPUT, None), "resid_post": (at[:-1], OUTPUT, None)}


def vit_sites(i):
    at = f"vit.layers.{i}."
    return {"attn.q": (at + "attention.q_proj", OUTPUT, HEADS), "attn.k": (at + "attention.k_proj", OUTPUT, HEADS),
            "attn.v": (at + "attention.v_proj", OUTPUT, HEADS), "attn.z": (at + "attention.o_proj", INPUT, HEADS),
            "attn_out": (at + "attention.o_proj", OUTPUT, None), "resid_mid": (at + "layernorm_after", INPUT, None),
            "mlp.pre": (at + "mlp.fc1", OUTPUT, None), "mlp.post": (at + "mlp.fc2", INPUT, None),
            "mlp_out": (at + "mlp.fc2", OUTPUT, None), "resid_post": (at[:-1], OUTPUT, None)}


# By model: its forms, the sites of a block, the module whose output is `embed`.
MODELS = {
    "gpt2": (["script", "dynamo", "past-script", "fused"], gpt2_sites, "transformer.wte"),
    "llama": (["script", "past-dynamo", "fused"], llama_sites, "model.embed_tokens"),
    "neox": (["script", "dynamo"], neox_sites, "gpt_neox.embed_in"),
    "bert": (["script", "old", "dynamo", "fused", "fused-mha"], bert_sites, "bert.embeddings.word_embeddings"),
    "vit": (["script", "dynamo", "fused"], vit_sites, None),
    "resnet": (["script", "dynamo"], None, None),
}


# ---- the model and what PyTorch makes of it ----------------------------------------------------------------------------


def filled(model):
    """Weights with which activations are of order 1, attention is peaked and every bias and gain matters."""
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            parameter.data.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            continue
        is_table = any(word in name for word in ["wte", "wpe", "embed_", "embeddings", "cls_token"])
        conv1d = any(word in name for word in ["c_attn", "c_proj", "c_fc"])
        fan_in = parameter.shape[0] if conv1d else parameter[0].numel()
        parameter.data.normal_(0, 0.8 if is_table else 1.4 * fan_in**-0.5)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.3)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None
    return model.eval()


def inputs_of(name):
    if name in ("vit", "resnet"):
        return {"pixel_values": torch.randn(2, 3, PIXELS, PIXELS)}
    mask = torch.ones(2, 5, dtype=torch.long)
    if name == "bert":
        mask[1, 3:] = 0
    return {"input_ids": torch.randint(3, VOCAB, (2, 5)), "attention_mask": mask}


def first(value):
    return value[0] if isinstance(value, tuple) else value


def recorded(model, given, sites, embed):
    """Values at sites, by hooks, and gradients there."""
    seen, hooks = {}, []

    def watch(site, where, heads):
        def hook(_module, args, kwargs, output):
            value = first(args or tuple(kwargs.values())) if where == INPUT else first(output)
            value.retain_grad()
            seen[site] = value, heads
        return hook

    wanted = {} if sites is None else {
        f"blocks.{i}.{site}": place for i in range(2) for site, place in sites(i).items()}
    if embed is not None:
        wanted["embed"] = (embed, OUTPUT, None)
    for site, (module, where, heads) in wanted.items():
        hooks.append(model.get_submodule(module).register_forward_hook(watch(site, where, heads), with_kwargs=True))
    images = [name for name in given if name == "pixel_values"]
    given = given | {name: given[name].clone().requires_grad_() for name in images}
    extra = {} if sites is None else {"output_attentions": True}
    out = model(**given, output_hidden_states=True, **extra)
    weight = torch.randn_like(out.logits)
    (weight * out.logits).sum().backward()
    for hook in hooks:
        hook.remove()
    golden = {"logits": out.logits, "weight": weight} | {f"grad/{name}": given[name].grad for name in images}
    cut = lambda x, heads: x if heads is None else x.reshape(*x.shape[:2], heads, -1)
    for site, (value, heads) in seen.items():
        golden[site] = cut(value, heads)
        golden[f"grad/{site}"] = cut(value.grad, heads)
    for i, state in enumerate(out.hidden_states):
        golden[f"hidden/{i}"] = state
    for i, pattern in enumerate(getattr(out, "attentions", None) or []):
        golden[f"blocks.{i}.attn.pattern"] = pattern
    return golden


def steered(model, given, block):
    vector = torch.randn(WIDTH)

    def hook(_module, _args, output):
        return (output[0] + vector, *output[1:]) if isinstance(output, tuple) else output + vector

    handle = model.get_submodule(block).register_forward_hook(hook)
    logits = model(**given).logits
    handle.remove()
    return {"steer": vector, "steered": logits}


# ---- exports -----------------------------------------------------------------------------------------------------------


class Plain(torch.nn.Module):
    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names
        self.extra = {"use_cache": False} if hasattr(model.config, "use_cache") else {}

    def forward(self, *given):
        return self.model(**dict(zip(self.names, given)), **self.extra).logits


class WithPast(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, past):
        cache = DynamicCache(config=self.model.config)
        for i, (key, value) in enumerate(past):
            cache.update(key, value, i)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache,
                         use_cache=True)
        return out.logits, [(layer.keys, layer.values) for layer in out.past_key_values.layers]


def past_names(kind):
    return [f"{kind}.{i}.{part}" for i in range(2) for part in ("key", "value")]


def exported(module, given, names, outputs, axes, form):
    """The model as torch.onnx writes it; `axes` names the dynamic axes of every input, in the nesting of `given`."""
    path = HERE / "scratch.onnx"
    is_dynamo = form.endswith("dynamo")
    if is_dynamo:
        options = dict(dynamo=True, opset_version=18, dynamic_shapes=axes, external_data=False)
    else:
        flat = [axis for part in axes for axis in ([part] if isinstance(part, dict) else [one for pair in part for one in pair])]
        # outputs are [batch, sequence, ...], keys and values [batch, heads, total, ...]
        shown = {name: {0: "batch", 2: "total"} if name.startswith("present") else {0: "batch"} for name in outputs}
        options = dict(dynamo=False, opset_version=13 if form == "old" else 17,
                       dynamic_axes=dict(zip(names, flat)) | shown)
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(module.eval(), given, path, input_names=names, output_names=outputs, **options)
    model = onnx.load(path)
    path.unlink()
    return model


def export(name, form, model, given):
    if form == "fused" and name == "llama":
        return fused_llama(model)
    if form.startswith("fused"):
        options = FusionOptions(name)
        options.use_multi_head_attention = form == "fused-mha"
        path = HERE / "scratch.onnx"
        onnx.save(export(name, "script", model, given), path)
        made = optimizer.optimize_model(str(path), model_type=name, num_heads=HEADS, hidden_size=WIDTH,
                                        optimization_options=options, opt_level=0)
        path.unlink()
        return made.model
    if name != "resnet":
        model.set_attn_implementation("sdpa" if form.endswith("dynamo") else "eager")
    if "past" not in form:
        axes = tuple({0: "batch"} if key == "pixel_values" else {0: "batch", 1: "sequence"} for key in given)
        # torch.export counts what `*given` takes as one argument
        nested = (axes,) if form == "dynamo" else axes
        return exported(Plain(model, list(given)), tuple(given.values()), list(given), ["logits"], nested, form)
    heads = getattr(model.config, "num_key_value_heads", model.config.num_attention_heads)
    size = getattr(model.config, "head_dim", WIDTH // model.config.num_attention_heads)
    batch, new, old = 2, 3, 4
    past = [tuple(torch.randn(batch, heads, old, size) for _ in range(2)) for _ in range(2)]
    example = (torch.randint(3, VOCAB, (batch, new)), torch.ones(batch, new + old, dtype=torch.long),
               torch.arange(old, old + new)[None].repeat(batch, 1), past)
    earlier = {0: "batch", 2: "past"}
    axes = ({0: "batch", 1: "sequence"}, {0: "batch", 1: "total"}, {0: "batch", 1: "sequence"}, [(earlier, earlier)] * 2)
    names = ["input_ids", "attention_mask", "position_ids", *past_names("past_key_values")]
    return exported(WithPast(model), example, names, ["logits", *past_names("present")], axes, form)


def fused_llama(model):
    """The layout of onnxruntime-genai's builder, in which transformers.js is given most decoders."""
    nodes, weights = [], []
    heads, kv_heads, size = 4, 2, 16

    def weight(name, value):
        array = value if isinstance(value, np.ndarray) else value.detach().numpy()
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(op, name, inputs, outputs=None, domain="", **attributes):
        outputs = outputs or [f"{name}/output_0"]
        nodes.append(helper.make_node(op, inputs, outputs, name, domain=domain, **attributes))
        return outputs[0]

    def linear(name, x, module):
        return node("MatMul", name, [x, weight(f"{name[1:].replace('/', '.')}.weight", module.weight.T)])

    frequencies = 10000.0 ** (-np.arange(0, size, 2) / size)
    angles = np.outer(np.arange(32), frequencies)
    cosines = weight("cos_cache", np.cos(angles).astype(np.float32))
    sines = weight("sin_cache", np.sin(angles).astype(np.float32))
    mask = "/model/attn_mask_reformat"
    total = node("ReduceSum", f"{mask}/ReduceSum", ["attention_mask", weight("one_axis", np.array([1]))], keepdims=0)
    last = node("Sub", f"{mask}/Sub", [total, weight("one", np.array([1]))])
    lengths = node("Cast", f"{mask}/Cast", [last], to=TensorProto.INT32)
    shape = node("Shape", f"{mask}/Shape", ["attention_mask"])
    longest = node("Gather", f"{mask}/Gather", [shape, weight("axis", np.array(1))], axis=0)
    longest = node("Cast", f"{mask}/Cast_1", [longest], to=TensorProto.INT32)

    stream = node("Gather", "/model/embed_tokens/Gather", [weight("embed", model.model.embed_tokens.weight), "input_ids"])
    normed = node("SimplifiedLayerNormalization", "/model/layers.0/input_layernorm/LayerNorm",
                  [stream, weight("norm.0.in", model.model.layers[0].input_layernorm.weight)], axis=-1, epsilon=1e-6, stash_type=1)
    for i, layer in enumerate(model.model.layers):
        at = f"/model/layers.{i}"
        q, k, v = (linear(f"{at}/attn/{part}/MatMul", normed, getattr(layer.self_attn, part))
                   for part in ("q_proj", "k_proj", "v_proj"))
        past = [f"past_key_values.{i}.{part}" for part in ("key", "value")]
        present = [f"present.{i}.{part}" for part in ("key", "value")]
        mixed = node("GroupQueryAttention", f"{at}/attn/GroupQueryAttention", [q, k, v, *past, lengths, longest, cosines, sines],
                     [f"{at}/attn/GroupQueryAttention/output_0", *present], "com.microsoft", num_heads=heads,
                     kv_num_heads=kv_heads, scale=size**-0.5, do_rotary=1, rotary_interleaved=0, local_window_size=-1)
        written = linear(f"{at}/attn/o_proj/MatMul", mixed, layer.self_attn.o_proj)

        def skip(name, x, gain, is_last=False):
            outputs = [f"{name}/output_0"] + ([] if is_last else ["", "", f"{name}/output_3"])
            node("SkipSimplifiedLayerNormalization", name, [stream, x, weight(f"{name}.weight", gain)], outputs, "com.microsoft",
                 epsilon=1e-6)
            return outputs[0], outputs[-1]

        normed, stream = skip(f"{at}/post_attention_layernorm/SkipLayerNorm", written, layer.post_attention_layernorm.weight)
        gate = linear(f"{at}/mlp/gate_proj/MatMul", normed, layer.mlp.gate_proj)
        up = linear(f"{at}/mlp/up_proj/MatMul", normed, layer.mlp.up_proj)
        opened = node("Mul", f"{at}/mlp/act_fn/Mul", [gate, node("Sigmoid", f"{at}/mlp/act_fn/Sigmoid", [gate])])
        written = linear(f"{at}/mlp/down_proj/MatMul", node("Mul", f"{at}/mlp/Mul", [opened, up]), layer.mlp.down_proj)
        is_last = i == 1
        following = model.model.norm if is_last else model.model.layers[i + 1].input_layernorm
        name = f"/model/layers.{i + 1}/{'final_norm' if is_last else 'input'}_layernorm/SkipLayerNorm"
        normed, stream = skip(name, written, following.weight, is_last)
    nodes.append(helper.make_node("MatMul", [normed, weight("lm_head", model.lm_head.weight.T)], ["logits"], "/lm_head/MatMul"))

    value = helper.make_tensor_value_info
    cache = lambda kind, length: [value(name, TensorProto.FLOAT, ["batch_size", kv_heads, length, size])
                                  for name in past_names(kind)]
    graph = helper.make_graph(
        nodes, "main_graph",
        [value("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"]),
         value("attention_mask", TensorProto.INT64, ["batch_size", "total_sequence_length"]),
         *cache("past_key_values", "past_sequence_length")],
        [value("logits", TensorProto.FLOAT, ["batch_size", "sequence_length", VOCAB]), *cache("present", "total_sequence_length")],
        weights)
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9, producer_name="make_exports")


def stripped(model):
    """Without the notes that exporters leave for debuggers, which are larger than the model."""
    model.ClearField("metadata_props")
    graph = model.graph
    graph.ClearField("metadata_props")
    graph.ClearField("value_info")
    for item in [*graph.node, *graph.initializer, *graph.input, *graph.output]:
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    return model


def check(model, given, wanted):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {}
    for port in session.get_inputs():
        if port.name in given:
            feeds[port.name] = given[port.name].numpy()
        elif port.name == "position_ids":
            feeds[port.name] = np.tile(np.arange(5), (2, 1))
        elif port.name.startswith("past"):
            feeds[port.name] = np.zeros((2, port.shape[1], 0, port.shape[3]), np.float32)
    found = torch.from_numpy(session.run(["logits"], feeds)[0])
    torch.testing.assert_close(found, wanted, **CLOSE)


def main(names):
    torch.set_num_threads(1)  # the same sums in the same order every time
    for name in names or MODELS:
        forms, sites, embed = MODELS[name]
        torch.manual_seed(sum(map(ord, name)))
        model = filled(globals()[name]())
        given = inputs_of(name)
        if name != "resnet":
            model.set_attn_implementation("eager")
        golden = recorded(model, given, sites, embed)
        if sites is not None:
            golden |= steered(model, given, sites(0)["resid_post"][0])
        for form in forms:
            with torch.no_grad():
                made = stripped(export(name, form, model, given))
            check(made, given, golden["logits"].detach())
            path = HERE / f"{name}-{form}.onnx"
            path.write_bytes(made.SerializeToString())
            print(f"{path.name}: {path.stat().st_size} bytes, {len(made.graph.node)} nodes")
        golden |= {f"in/{key}": value for key, value in given.items()}
        tensors = {key: value.detach().clone().contiguous() for key, value in golden.items()}
        save_file(tensors, HERE / f"{name}.safetensors")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    main(sys.argv[1:])
