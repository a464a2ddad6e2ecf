// Reads what exports/make_exports.py wrote. Forms and values are described there.

import { openOnnx } from "../../../src/checkpoints/open-onnx.ts";
import { readSafetensors } from "../../../src/checkpoints/safetensors.ts";
import type { OnnxInput } from "../../../src/network/onnx/onnx-inputs.ts";
import type { OnnxNetwork } from "../../../src/network/onnx/onnx-network.ts";
import { full } from "../../../src/runtime/index.ts";
import type { Tensor } from "../../../src/runtime/index.ts";
import { openFolder } from "../../../src/runtime/open-folder.ts";
import { fromHost } from "../../../src/tensor/leaf.ts";
import type { Values } from "../read.ts";

/** The folder of exports. */
export const exportFiles = openFolder(new URL("exports", import.meta.url).href);

/** Names of the exports, such as `gpt2-script`. */
export const exportNames: readonly string[] = Object.keys(import.meta.glob("./exports/*.onnx"))
  .map((path) => path.slice("./exports/".length, -".onnx".length))
  .toSorted();

/** An export as a network, and what PyTorch makes of its model. */
export interface Export {
  readonly network: OnnxNetwork;
  readonly given: OnnxInput;
  /** Floating-point tensors of the reference by name. */
  readonly wanted: ReadonlyMap<string, Values>;
}

/** Opens an export with the reference of its model. */
export async function openExport(name: string): Promise<Export> {
  const [model] = name.split("-") as [string];
  const isImage = model === "vit" || model === "resnet";
  const example = isImage ? { pixel_values: full([1, 3, 16, 16], 0, "float32") } : undefined;
  const network = await openOnnx(exportFiles, `${name}.onnx`, { name, example });
  const { tensors } = await readSafetensors(exportFiles, `${model}.safetensors`);
  const wanted = new Map<string, Values>();
  const given: Record<string, Tensor> = {};
  for (const [key, stored] of tensors) {
    const data = await stored.data();
    const { shape } = stored;
    if (key.startsWith("in/")) {
      const dtype = data instanceof BigInt64Array ? "int64" : "float32";
      given[key.slice("in/".length)] = fromHost(data, { shape, dtype });
    } else {
      wanted.set(key, { shape, data: data as Float32Array });
    }
  }
  return { network, given, wanted };
}
