// Checkpoints on disk that both sides of a comparison open.

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

/** A tensor to be written: its numbers are made when its turn comes. */
export interface TensorFile {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: "F32" | "BF16";
  readonly bytes: () => Uint8Array;
}

/** Writes a folder with config.json (an object, or its text) and model.safetensors, unless it is there. */
export function writeCheckpoint(
  folder: string,
  config: object | string,
  tensors: readonly TensorFile[],
): string {
  const file = path.join(folder, "model.safetensors");
  if (existsSync(file)) return folder;
  mkdirSync(folder, { recursive: true });
  const json = typeof config === "string" ? config : JSON.stringify(config);
  writeFileSync(path.join(folder, "config.json"), json);
  let end = 0;
  const places = tensors.map(({ name, shape, storage }) => {
    const begin = end;
    end += (storage === "F32" ? 4 : 2) * sizeOf(shape);
    return [name, { dtype: storage, shape, data_offsets: [begin, end] }] as const;
  });
  const header = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(places) });
  const head = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const out = openSync(`${file}.part`, "w");
  for (const bytes of [length, head]) writeSync(out, bytes);
  for (const { bytes } of tensors) writeSync(out, bytes());
  closeSync(out);
  renameSync(`${file}.part`, file);
  return folder;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
