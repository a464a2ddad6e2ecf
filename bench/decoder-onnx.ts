// GPT-2 with keys and values among its inputs and outputs, as exporters write it for transformers.js: a folder with config.json,
// onnx/model.onnx and the weights beside it. Weights lie as [in, out], which ONNX Runtime packs into its fastest layout.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

import { FLOAT, GraphWriter, INT64 } from "./onnx-writer.ts";
import { transposed } from "./weights.ts";
import type { Weight, Weights } from "./weights.ts";

const DATA_FILE = "model.onnx_data";
/** The external data of ONNX Runtime is mapped into memory by pages. */
const PAGE = 4096;
const UNEMBED = "lm_head.weight";

/** Writes the folder, unless it is there. */
export function writeDecoderFolder(folder: string, weights: Weights): string {
  const config = path.join(folder, "config.json");
  if (existsSync(config)) return folder;
  const inside = path.join(folder, "onnx");
  mkdirSync(inside, { recursive: true });
  const out = openSync(path.join(inside, DATA_FILE), "w");
  const places = new Map<string, { dims: readonly number[]; offset: number; length: number }>();
  let offset = 0;
  for (const { name, dims, data } of stored(weights)) {
    writeSync(out, new Uint8Array(data.buffer), 0, data.byteLength, offset);
    places.set(name, { dims, offset, length: data.byteLength });
    offset += Math.ceil(data.byteLength / PAGE) * PAGE;
  }
  closeSync(out);
  const graph = new GraphWriter();
  const weight = (name: string): string => {
    const { dims, ...place } = places.get(name)!;
    return graph.external(name, dims, { location: DATA_FILE, ...place });
  };
  writeFileSync(path.join(inside, "model.onnx"), decoderGraph(graph, weights, weight));
  writeFileSync(`${config}.part`, JSON.stringify(configOf(weights)));
  renameSync(`${config}.part`, config);
  return folder;
}

/**
 * What the file holds.
 *
 * @yields the checkpoint's tensors, and the embedding once more as the matrix that logits are made with
 */
function* stored(weights: Weights): Generator<Weight> {
  for (const name of weights.names) yield weights.get(name);
  const embed = weights.get("wte.weight");
  const dims = embed.dims.toReversed();
  // [vocabulary, width] is turned as any linear layer [in, out] is
  yield { name: UNEMBED, dims, data: transposed(embed) };
}

function configOf({ shape }: Weights): object {
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    n_layer: shape.nLayers,
    n_embd: shape.dModel,
    n_head: shape.nHeads,
    n_positions: shape.nCtx,
    vocab_size: shape.dVocab,
    "transformers.js_config": { use_external_data_format: true },
  };
}

/**
 * Inputs: `input_ids`, `attention_mask` and `position_ids`, int64, and of every layer the keys and values so far,
 * [batch, head, past, dHead]. Outputs: `logits` of all new positions, and the keys and values with those of new positions.
 */
function decoderGraph(
  g: GraphWriter,
  { shape }: Weights,
  weight: (name: string) => string,
): Uint8Array {
  const { nLayers, dModel: d, nHeads, dVocab } = shape;
  const dHead = d / nHeads;
  const tokens = g.input("input_ids", INT64, ["batch", "pos"]);
  const mask = g.input("attention_mask", INT64, ["batch", "total"]);
  const positions = g.input("position_ids", INT64, ["batch", "pos"]);
  const headed = g.int64s("headed", [0, 0, nHeads, dHead]);
  const flat = g.int64s("flat", [0, 0, d]);
  const scale = g.floats("scale", [], [dHead ** -0.5]);
  const linear = (x: string, name: string): string =>
    g.node("Add", [g.node("MatMul", [x, weight(`${name}.weight`)]), weight(`${name}.bias`)]);
  const norm = (x: string, name: string): string => {
    const inputs = [x, weight(`${name}.weight`), weight(`${name}.bias`)];
    return g.node("LayerNormalization", inputs, { axis: -1, epsilon: 1e-5 });
  };
  const heads = (x: string): string =>
    g.node("Transpose", [g.node("Reshape", [x, headed])], { perm: [0, 2, 1, 3] });
  const hidden = causalMask(g, mask, positions);

  const embedded = g.node("Gather", [weight("wte.weight"), tokens]);
  let x = g.node("Add", [embedded, g.node("Gather", [weight("wpe.weight"), positions])]);
  for (let i = 0; i < nLayers; i++) {
    const qkv = linear(norm(x, `h.${i}.ln_1`), `h.${i}.attn.c_attn`);
    const [q, ...kv] = g.nodes("Split", [qkv], 3, { axis: 2, num_outputs: 3 }).map(heads);
    const [k, v] = ["key", "value"].map((part, j) => {
      const past = `past_key_values.${i}.${part}`;
      g.input(past, FLOAT, ["batch", nHeads, "past", dHead]);
      const all = g.node("Concat", [past, kv[j]!], { axis: 2 });
      g.output(all, `present.${i}.${part}`, ["batch", nHeads, "total", dHead]);
      return all;
    });
    const turned = g.node("Transpose", [k!], { perm: [0, 1, 3, 2] });
    const products = g.node("MatMul", [g.node("Mul", [q!, scale]), turned]);
    const pattern = g.node("Softmax", [g.node("Add", [products, hidden])], { axis: -1 });
    const z = g.node("Transpose", [g.node("MatMul", [pattern, v!])], { perm: [0, 2, 1, 3] });
    x = g.node("Add", [x, linear(g.node("Reshape", [z, flat]), `h.${i}.attn.c_proj`)]);
    const pre = linear(norm(x, `h.${i}.ln_2`), `h.${i}.mlp.c_fc`);
    const post = g.node("Gelu", [pre], { approximate: "tanh" });
    x = g.node("Add", [x, linear(post, `h.${i}.mlp.c_proj`)]);
  }
  const logits = g.node("MatMul", [norm(x, "ln_f"), weight(UNEMBED)]);
  g.output(logits, "logits", ["batch", "pos", dVocab]);
  return g.finish();
}

/** Added to scores, [batch, 1, pos, total]: a large negative number for padding and for positions to come. */
function causalMask(g: GraphWriter, mask: string, positions: string): string {
  const [one, two] = [g.int64s("one", [1]), g.int64s("one_two", [1, 2])];
  // the position that each of all tokens has, [batch, 1, 1, total], and each new one, [batch, 1, pos, 1]
  const axis = g.int64s("last_axis", [1]);
  const counted = g.node("CumSum", [mask, g.node("Squeeze", [axis, g.int64s("zero", [0])])]);
  const places = g.node("Unsqueeze", [g.node("Sub", [counted, one]), two]);
  const own = g.node("Unsqueeze", [positions, g.int64s("one_three", [1, 3])]);
  const isPast = g.node("Cast", [g.node("LessOrEqual", [places, own])], { to: FLOAT });
  const isReal = g.node("Cast", [g.node("Unsqueeze", [mask, two])], { to: FLOAT });
  const isSeen = g.node("Mul", [isPast, isReal]);
  const never = g.floats("never", [], [1e9]);
  return g.node("Mul", [g.node("Sub", [isSeen, g.floats("unit", [], [1])]), never]);
}
