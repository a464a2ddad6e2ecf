// ONNX files that others wrote, and what is done with them here.

import path from "node:path";

import { loadOnnx, openFolder, quantise, saveOnnx } from "patchclamp";
import type { OnnxNetwork } from "patchclamp";

import { writeDecoderFolder } from "../decoder-onnx.ts";
import { root } from "../machine.ts";
import { peerOnce } from "../peer-process.ts";
import { GPT2_SMALL, gpt2Weights } from "../weights.ts";
import { gpt2Network } from "./network.ts";

/** The shape of a BERT. */
export interface BertShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly context: number;
}

export const BERT_BASE: BertShape = {
  layers: 12,
  width: 768,
  heads: 12,
  hidden: 3072,
  vocabulary: 30522,
  context: 512,
};

/**
 * Writes a BERT with random weights as torch.onnx exports it, unless it is there.
 *
 * @throws Error when there is no Python with transformers to write it
 */
export function writeBert(file: string, shape: BertShape): void {
  if (peerOnce("onnx_files:write_bert", { file, ...shape }) === undefined)
    throw new Error("there is no Python to write the file with; run `node bench/peers/setup.mjs`");
}

/** The path of BERT-base as torch.onnx exports it. */
export function bertFile(): string {
  const file = path.join(root, ".cache", "bench-onnx", "bert-base.onnx");
  writeBert(file, BERT_BASE);
  return file;
}

/** The path of a decoder whose weights, more than 500 MB of them, lie beside it. */
export function externalFile(): string {
  const folder = path.join(root, ".cache", "bench-decoder-gpt2");
  writeDecoderFolder(folder, gpt2Weights(GPT2_SMALL));
  return path.join(folder, "onnx", "model.onnx");
}

/** The folder of GPT-2 small in four bits, as we export it, and the path of the model in it. */
export async function q4Folder(): Promise<{ folder: string; model: string }> {
  const folder = path.join(root, ".cache", "bench-onnx", "gpt2-q4");
  const files = openFolder(folder);
  const model = "onnx/model_q4.onnx";
  if (!(await files.exists(model))) {
    const net = quantise(gpt2Network(gpt2Weights(GPT2_SMALL)), { weights: "q4" });
    await saveOnnx(files, net, { compares: false });
  }
  return { folder, model };
}

/** Opens a file and counts its sites. */
export async function countSites(file: string): Promise<number> {
  const net: OnnxNetwork = await loadOnnx(file);
  return net.sites().length;
}
