// Weights in fewer bits. What a network multiplies by or looks up is stored so; what works on weights in other ways, and what
// is small, stays as it is. Everything else about the network is unchanged: its sites, edits, gradients and caches.

import { PatchClampError } from "../core/errors.ts";
import { gate } from "../core/gate.ts";
import type { Tree } from "../core/tree.ts";
import { fillTree, leaves } from "../core/tree.ts";
import { collect, dequantise, prepacked } from "../runtime/index.ts";
import type { PackedForm, Tensor } from "../runtime/index.ts";
import { fromSource } from "../tensor/leaf.ts";
import type { Node } from "../tensor/tensor.ts";
import { bytesOf } from "../tensor/tensor.ts";
import { LanguageNetwork } from "./language.ts";
import type { PackedRows } from "./quantise-blocks.ts";
import { packRows } from "./quantise-blocks.ts";
import { isBaked, storedParts } from "./stored-parts.ts";

/**
 * How weights are stored: in four bits, eight bits, half precision, single precision, and single precision with copies in compiled
 * graphs, in the order in which the processor reads them fastest.
 */
export const WEIGHT_FORMS = ["q4", "q8", "fp16", "fp32", "fp32-prepacked"] as const;

/** One of `WEIGHT_FORMS`. */
export type WeightForm = (typeof WEIGHT_FORMS)[number];

/** Shortest axis of a matrix that is packed: the smallest block. */
const SMALLEST = 16;

/** Options of `quantise`. */
export interface QuantiseOptions {
  /** How the weights are stored. */
  weights: WeightForm;
  /**
   * Numbers that share a scale: a power of two from 16 to 256. Smaller blocks are more exact, larger ones smaller and faster.
   * Default: 64 for four bits, which take half the time of 32 on a CPU at hardly more error, and 128 for eight.
   */
  blockSize?: number;
}

/**
 * A network like another, with its weights in fewer bits.
 *
 * Matrices that it multiplies by or looks rows up in are packed when they are first needed, one after the other; the
 * original's are let go of if nobody else holds it. Embeddings and unembeddings have eight bits with `q4` too: four there
 * would triple what all others cost in KL divergence. Routers of experts, norms, biases and matrices with an axis below 16
 * keep float32. On a CPU, products with `q4` and `q8` round their input to eight bits as well, block by block.
 *
 * @throws PatchClampError `BAD_OPTION` for a form or block size that does not exist, `BAD_INPUT` when the weights are not float32
 */
export function quantise(net: LanguageNetwork, options: QuantiseOptions): LanguageNetwork {
  const form = checked(options);
  if (isBaked(net.params)) {
    throw new PatchClampError("BAD_INPUT", {
      where: "quantise",
      problem: `the weights of ${net.name} are stored in another form already.`,
      fix: "give the network that it was made of.",
    });
  }
  if (form.weights === "fp32") return net;
  const { absent, example } = net.definition;
  const { logits } = net.trace(example());
  return new LanguageNetwork({
    name: net.name,
    config: net.config,
    params: quantisedParams(net.params, logits, form),
    forward: net.forward,
    tokenizer: net.hasTokenizer ? net.tokenizer : undefined,
    ...(absent === undefined ? {} : { absent }),
  });
}

/** Bytes that parameters take as they are stored. */
export function storedBytes(params: Tree<Tensor>): number {
  const weights = new Set(leaves<Tensor>(params).map(([, weight]) => weight));
  return [...weights].flatMap(storedParts).reduce((sum, part) => sum + bytesOf(part), 0);
}

interface Form {
  readonly weights: WeightForm;
  readonly blockSize: Readonly<Record<4 | 8, number>>;
}

function checked({ weights, blockSize }: QuantiseOptions): Form {
  if (!WEIGHT_FORMS.includes(weights)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "quantise",
      problem: `weights cannot be stored as "${weights as string}".`,
      fix: `use one of ${WEIGHT_FORMS.join(", ")}.`,
    });
  }
  if (blockSize !== undefined && ![16, 32, 64, 128, 256].includes(blockSize)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "quantise",
      problem: `blockSize is ${blockSize}, not a power of two from 16 to 256.`,
      fix: "leave it out, or use 32, 64 or 128.",
    });
  }
  return { weights, blockSize: { 4: blockSize ?? 64, 8: blockSize ?? 128 } };
}

/** How the ops of a network use a weight. */
interface WeightUse {
  /** Rows are looked up in it. */
  isTable: boolean;
  /** Something is done with it that needs its exact numbers. */
  isExact: boolean;
}

/**
 * The parameters, with those packed that are fit for it.
 *
 * @param output - what the network computes of its parameters, traced
 */
function quantisedParams(
  params: Tree<Tensor>,
  output: Tensor,
  { weights, blockSize }: Form,
): Tree<Tensor> {
  const uses = usesOf(output);
  const enter = gate(1);
  // weak, and in a loop: what is made remembers the calls that made it, and what these were called on
  const made = new WeakMap<Tensor, Tensor>();
  const all: Tensor[] = [];
  for (const [, weight] of leaves<Tensor>(params)) {
    const use = uses.get(weight);
    const isMatrix = weight.rank === 2 && Math.min(...weight.shape) >= SMALLEST;
    if (isMatrix && weight.dtype === "float32" && use?.isExact === false && !made.has(weight)) {
      const isSensitive = use.isTable || weight.shape[0] === output.shape.at(-1);
      const bits = weights === "q8" || isSensitive ? 8 : 4;
      if (weights === "fp32-prepacked") made.set(weight, prepacked(weight));
      else if (weights === "fp16") made.set(weight, halved(weight, enter));
      else made.set(weight, packed(weight, formOf(weight, bits, blockSize[bits]), enter));
    }
    all.push(made.get(weight) ?? weight);
  }
  return fillTree(params, all);
}

function formOf({ shape }: Tensor, bits: 4 | 8, blockSize: number): PackedForm {
  const columns = shape[1]!;
  return { bits, blockSize: Math.min(blockSize, 2 ** Math.ceil(Math.log2(columns))), columns };
}

function usesOf(output: Tensor): WeakMap<Tensor, WeightUse> {
  const uses = new WeakMap<Tensor, WeightUse>();
  for (const node of collect([output]).nodes) {
    for (const [i, input] of node.inputs.entries()) {
      const use = uses.get(input) ?? { isTable: false, isExact: false };
      uses.set(input, use);
      if (node.op.name === "gather" && i === 0) use.isTable = true;
      else if (!isWeight(node, i)) use.isExact = true;
    }
  }
  return uses;
}

/** Whether input `i` of a node is the matrix of a linear map. */
function isWeight({ op, attrs, label = "" }: Node, i: number): boolean {
  const { groups, transposed } = attrs as {
    readonly groups?: number;
    readonly transposed?: boolean;
  };
  if (transposed !== true || label.endsWith("router_logits")) return false;
  if (op.name === "linear") return i === 1;
  return op.name === "groupedLinear" && i >= 2 && i < 2 + groups!;
}

type Gate = ReturnType<typeof gate>;
type Range = readonly [start: number, end: number];

/** A weight that is packed when it is first needed. */
function packed(weight: Tensor, form: PackedForm, enter: Gate): Tensor {
  const rows = once(weight, enter, async (source): Promise<PackedRows> => {
    return packRows((await source.data()) as Float32Array, form);
  });
  const { bits, blockSize, columns } = form;
  const blocks = [weight.shape[0]!, Math.ceil(columns / blockSize)];
  const shape = [...blocks, (blockSize * bits) / 8];
  const packedOf = async (at?: Range): Promise<Uint8Array> =>
    (await rows()).packed.subarray(...(at ?? []));
  const scalesOf = async (at?: Range): Promise<Float32Array> =>
    (await rows()).scales.subarray(...(at ?? []));
  return dequantise(
    fromSource(packedOf, { shape, dtype: "uint8" }, "packed"),
    fromSource(scalesOf, { shape: blocks, dtype: "float32" }, "scales"),
    form,
  );
}

/** A weight that is stored in half precision from its first use on. */
function halved(weight: Tensor, enter: Gate): Tensor {
  const { shape } = weight;
  const half = once(weight, enter, async (source) => {
    const data = (await source.cast("float16").data()) as Uint16Array;
    if (!data.some((bits) => (bits & 0x7c00) === 0x7c00)) return data;
    throw new PatchClampError("BAD_INPUT", {
      where: "quantise",
      problem: `${weight.toString()} holds numbers beyond 65504, which half precision has no room for.`,
      fix: 'use weights "q8" or "fp32".',
    });
  });
  const load = async (at?: Range): Promise<Uint16Array> => (await half()).subarray(...(at ?? []));
  return fromSource(load, { shape, dtype: "float16" }, "half").cast("float32");
}

/** Calls `make` when its result is first asked for, and lets go of the weight then. */
function once<T>(
  weight: Tensor,
  enter: Gate,
  make: (weight: Tensor) => Promise<T>,
): () => Promise<T> {
  let source: Tensor | undefined = weight;
  let made: Promise<T> | undefined;
  const start = async (): Promise<T> => {
    const result = await make(source!);
    source = undefined;
    return result;
  };
  return () => {
    made ??= enter(start).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
