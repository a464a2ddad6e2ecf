// The bare minimum that ONNX Runtime can be asked to do: GPT-2's forward written down by hand as one ONNX graph, with no
// captures and none of PatchClamp's code, run by onnxruntime-node directly. It is what recording is compared with.

import * as ort from "onnxruntime-node";

import { FLOAT, GraphWriter, INT64 } from "./onnx-writer.ts";
import { isLinear, transposed } from "./weights.ts";
import type { Shape, Weights } from "./weights.ts";

/** A forward that is ready to run. */
export interface BareForward {
  /** Logits of all positions, [pos, dVocab], by one call of the runtime. */
  readonly run: () => Promise<Float32Array>;
  readonly close: () => Promise<void>;
}

export interface BareOptions {
  readonly threads: number;
  /** Hand the runtime a tensor to write the logits into, instead of taking the one that it makes. Default: false. */
  readonly preallocate?: boolean;
  /** Default: `basic`, which is what PatchClamp asks for. */
  readonly level?: "disabled" | "basic" | "all";
}

/**
 * Loads the graph and binds weights and prompt to it.
 *
 * @param weights - as `gpt2Weights` makes them
 * @param tokens - the prompt, token ids
 */
export async function bareForward(
  weights: Weights,
  tokens: readonly number[],
  options: BareOptions,
): Promise<BareForward> {
  const { threads, preallocate = false, level = "basic" } = options;
  const { shape } = weights;
  const pos = tokens.length;
  const session = await ort.InferenceSession.create(gpt2Graph(shape, pos), {
    graphOptimizationLevel: level,
    enableMemPattern: false,
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    extra: { session: { force_spinning_stop: "1" } },
  });
  const feeds: Record<string, ort.Tensor> = {
    tokens: new ort.Tensor("int64", BigInt64Array.from(tokens, BigInt), [pos]),
  };
  for (const name of weights.names) {
    const weight = weights.get(name);
    const { dims, data } = weight;
    feeds[name] = isLinear(name)
      ? new ort.Tensor("float32", transposed(weight), dims.toReversed())
      : new ort.Tensor("float32", data, dims);
  }
  const { dVocab } = shape;
  const fetches = preallocate
    ? { logits: new ort.Tensor("float32", new Float32Array(pos * dVocab), [pos, dVocab]) }
    : ["logits"];
  return {
    run: async () => (await session.run(feeds, fetches))["logits"]!.data as Float32Array,
    close: () => session.release(),
  };
}

/**
 * GPT-2 (Radford et al. 2019) for one prompt of `pos` tokens, as the bytes of an .onnx file.
 *
 * Inputs: `tokens` [pos] and the checkpoint's weights, linear layers [out, in]. Output: `logits` [pos, dVocab].
 */
export function gpt2Graph(shape: Shape, pos: number): Uint8Array<ArrayBuffer> {
  const { nLayers, dModel: d, nHeads, dMlp, dVocab, nCtx } = shape;
  const dHead = d / nHeads;
  const g = new GraphWriter();
  g.input("tokens", INT64, [pos]);
  const weight = (name: string, ...dims: number[]) => g.input(name, FLOAT, dims);
  const norm = (x: string, name: string) => {
    const inputs = [x, weight(`${name}.weight`, d), weight(`${name}.bias`, d)];
    return g.node("LayerNormalization", inputs, { axis: -1, epsilon: 1e-5 });
  };
  const linear = (x: string, name: string, from: number, to: number) => {
    const inputs = [x, weight(`${name}.weight`, to, from), weight(`${name}.bias`, to)];
    return g.node("Gemm", inputs, { transB: 1 });
  };
  const headed = g.int64s("headed", [pos, nHeads, dHead]);
  const flat = g.int64s("flat", [pos, d]);
  const scale = g.floats("scale", [], [dHead ** -0.5]);
  const masked = Array.from({ length: pos * pos }, (_, i) =>
    i % pos > Math.floor(i / pos) ? -1e9 : 0,
  );
  const mask = g.floats("mask", [pos, pos], masked);
  const heads = (x: string, perm: readonly number[]) =>
    g.node("Transpose", [g.node("Reshape", [x, headed])], { perm });

  const wte = weight("wte.weight", dVocab, d);
  const rows = [g.int64s("first", [0]), g.int64s("last", [pos])];
  const positions = g.node("Slice", [weight("wpe.weight", nCtx, d), ...rows]);
  let x = g.node("Add", [g.node("Gather", [wte, "tokens"]), positions]);
  for (let i = 0; i < nLayers; i++) {
    const qkv = linear(norm(x, `h.${i}.ln_1`), `h.${i}.attn.c_attn`, d, 3 * d);
    const [q, k, v] = g.nodes("Split", [qkv], 3, { axis: 1, num_outputs: 3 });
    const products = g.node("MatMul", [heads(q!, [1, 0, 2]), heads(k!, [1, 2, 0])]);
    const scores = g.node("Add", [g.node("Mul", [products, scale]), mask]);
    const pattern = g.node("Softmax", [scores], { axis: -1 });
    const z = g.node("MatMul", [pattern, heads(v!, [1, 0, 2])]);
    const joined = g.node("Reshape", [g.node("Transpose", [z], { perm: [1, 0, 2] }), flat]);
    x = g.node("Add", [x, linear(joined, `h.${i}.attn.c_proj`, d, d)]);
    const pre = linear(norm(x, `h.${i}.ln_2`), `h.${i}.mlp.c_fc`, d, dMlp);
    const post = g.node("Gelu", [pre], { approximate: "tanh" });
    x = g.node("Add", [x, linear(post, `h.${i}.mlp.c_proj`, dMlp, d)]);
  }
  g.output(g.node("Gemm", [norm(x, "ln_f"), wte], { transB: 1 }), "logits", [pos, dVocab]);
  return g.finish();
}
