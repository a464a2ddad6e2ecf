// Checkpoints whose weights are in few bits already. The folder is that of Hugging Face: config.json, the tokenizer's files and
// model.safetensors. config.json says so in `quantization_config`, whose `quant_method` is "matmul_nbits" after the operator of ONNX
// Runtime whose layout the numbers have, and which lists the packed weights with their `bits` and `block_size`. Tensors are called
// as in the parameter tree: a packed weight is `<path>.packed`, U8 [out, block, byte], and `<path>.scales`, F32 [out, block];
// every other parameter is `<path>`. A byte holds one number of eight bits or two of four, the lower half first, which are 128 or
// 8 above what their block's scale is multiplied by.

import { z } from "zod";

import type { ParamEntry } from "../architectures/family.ts";
import { PatchClampError } from "../core/errors.ts";
import { gate } from "../core/gate.ts";
import type { Tree } from "../core/tree.ts";
import { leaves, treeOf } from "../core/tree.ts";
import { fromSource } from "../tensor/leaf.ts";
import type { PackedForm } from "../tensor/ops/quantised.ts";
import { dequantise, packedParts } from "../tensor/ops/quantised.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { CheckpointContents } from "./save.ts";
import type { StoredTensor, TensorToStore } from "./safetensors.ts";

const method = "matmul_nbits";

const schema = z.object({
  quant_method: z.literal(method),
  weights: z.record(
    z.string(),
    z.object({
      bits: z.literal([4, 8]),
      block_size: z.literal([16, 32, 64, 128, 256]),
    }),
  ),
});

/** What config.json says of packed weights. */
export interface StoredQuantisation {
  /** The config without it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Packed weights by their paths. */
  readonly weights: z.output<typeof schema>["weights"];
}

/**
 * Reads `quantization_config` of a checkpoint that `saveNetwork` wrote with packed weights.
 *
 * @returns undefined where there is none, or one of another method
 * @throws PatchClampError `BAD_FILE` when it does not say what it should
 */
export function quantisationOf(where: string, json: unknown): StoredQuantisation | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { quantization_config: given, ...config } = json as Record<string, unknown>;
  const isOurs = z.object({ quant_method: z.literal(method) }).safeParse(given).success;
  if (!isOurs) return undefined;
  const { success, data, error } = schema.safeParse(given);
  if (success) return { config, weights: data.weights };
  const { path, message } = error.issues[0]!;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `"quantization_config" of config.json is not right at ${path.join(".")}: ${message}.`,
    fix: "quantise the network again, with patchclamp quantize.",
  });
}

/** Tensors that are read at a time. */
const READERS = 4;

/**
 * Finds the parameters that a layout lists in a checkpoint of packed weights. Their numbers stay in the file until they are needed.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when a tensor is missing, `SHAPE_MISMATCH` or `DTYPE_MISMATCH` when one is not what the config
 * makes it, `UNSUPPORTED` when the checkpoint holds a tensor that the network would not use
 */
export function readQuantised(
  checkpoint: Checkpoint,
  layout: readonly ParamEntry[],
  { weights }: StoredQuantisation,
): Tree<Tensor> {
  const reader = new Reader(checkpoint);
  const found = layout.flatMap(({ path, shape, isOptional }): [string, Tensor][] => {
    const own = weights[path];
    if (own !== undefined) {
      const form = { bits: own.bits, blockSize: own.block_size, columns: shape.at(-1) ?? 0 };
      return [[path, reader.packed(path, shape, form)]];
    }
    if (isOptional === true && !checkpoint.has(path)) return [];
    return [[path, reader.leaf(path, { shape, dtype: "F32" })]];
  });
  reader.checkAllUsed();
  return treeOf(found);
}

class Reader {
  readonly #checkpoint: Checkpoint;
  readonly #enter = gate(READERS);
  readonly #used = new Set<string>();

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  packed(path: string, shape: readonly number[], form: PackedForm): Tensor {
    const { bits, blockSize, columns } = form;
    const blocks = [...shape.slice(0, -1), Math.ceil(columns / blockSize)];
    const bytes = [...blocks, (blockSize * bits) / 8];
    return dequantise(
      this.leaf(`${path}.packed`, { shape: bytes, dtype: "U8" }),
      this.leaf(`${path}.scales`, { shape: blocks, dtype: "F32" }),
      form,
    );
  }

  leaf(name: string, want: Pick<StoredTensor, "shape" | "dtype">): Tensor {
    const { name: folder, tensor, float32 } = this.#checkpoint;
    const { shape, dtype } = tensor(name);
    this.#used.add(name);
    if (shape.join() !== want.shape.join() || dtype !== want.dtype) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where: "loadNetwork",
        problem: `"${name}" in ${folder} is ${dtype} [${shape.join(", ")}], but config.json makes it ${want.dtype} [${want.shape.join(", ")}].`,
        fix: "use the config.json that belongs to these weights.",
        facts: { name },
      });
    }
    const load = async (range?: readonly [number, number]): Promise<TypedArray> => {
      if (dtype === "F32") return float32(name, range);
      return tensor(name).data(range);
    };
    const aval = { shape, dtype: dtype === "F32" ? "float32" : "uint8" } as const;
    return fromSource((range) => this.#enter(() => load(range)), aval, name);
  }

  checkAllUsed(): void {
    const { name: folder, tensors } = this.#checkpoint;
    const left = [...tensors.keys()].find((name) => !this.#used.has(name));
    if (left === undefined) return;
    throw new PatchClampError("UNSUPPORTED", {
      where: "loadNetwork",
      problem: `${folder} holds "${left}", which its config.json gives no place.`,
      fix: "use the config.json that belongs to these weights.",
      facts: { tensor: left },
    });
  }
}

/** What is written for parameters of which some are packed. */
export async function quantisedContents(
  params: Tree<Tensor>,
  config: Readonly<Record<string, unknown>>,
): Promise<Pick<CheckpointContents, "config" | "tensors" | "dtype">> {
  const tensors: Record<string, TensorToStore> = {};
  const weights: Record<string, StoredQuantisation["weights"][string]> = {};
  const store = async (name: string, tensor: Tensor): Promise<void> => {
    tensors[name] = {
      shape: tensor.shape,
      data: (await tensor.data()) as Float32Array | Uint8Array,
    };
  };
  for (const [path, weight] of leaves<Tensor>(params)) {
    const parts = packedParts(weight);
    if (parts === undefined) {
      await store(path, weight);
      continue;
    }
    const { bits, blockSize } = parts.form;
    weights[path] = { bits, block_size: blockSize as 64 };
    await store(`${path}.packed`, parts.packed);
    await store(`${path}.scales`, parts.scales);
  }
  const quantization_config = { quant_method: method, weights };
  return { config: { ...config, quantization_config }, tensors, dtype: "F32" };
}
