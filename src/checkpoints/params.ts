// Between a checkpoint's tensors and a family's parameter tree: names, fused matrices, transposed storage.

import type { ParamEntry } from "../architectures/family.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { leaves, treeOf } from "../core/tree.ts";
import { fromHost } from "../tensor/leaf.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { TensorToStore } from "./safetensors.ts";

/**
 * Reads the parameters that a layout lists.
 *
 * @param prefix - a start of names that the checkpoint may leave out
 * @returns the tree, with tensors named by their place in the file
 * @throws PatchClampError `UNKNOWN_NAME` when a tensor is missing, `SHAPE_MISMATCH` when one has another shape than the config says
 */
export async function readParams(
  checkpoint: Checkpoint,
  layout: readonly ParamEntry[],
  prefix = "",
): Promise<Tree<Tensor>> {
  const fused = new Map<string, Float32Array>();
  const found: [path: string, parameter: Tensor][] = [];
  for (const entry of layout) {
    const name = storedName(checkpoint, entry.name, prefix);
    checkShape(checkpoint, name, entry);
    let data = fused.get(name);
    if (data === undefined) {
      data = await checkpoint.float32(name);
      if (entry.isTransposed === true && entry.shape.length === 2) {
        data = transposed(data, entry.shape[1]!, entry.part?.total ?? entry.shape[0]!);
      }
      if (entry.part !== undefined) fused.set(name, data);
    }
    const size = sizeOf(entry.shape);
    const rowSize = size / entry.shape[0]!;
    const start = (entry.part?.start ?? 0) * rowSize;
    const own = entry.part === undefined ? data : data.subarray(start, start + size);
    const leaf = fromHost(own, { shape: entry.shape, dtype: "float32" }, name);
    found.push([entry.path, leaf]);
  }
  return treeOf(found);
}

function storedName({ has }: Checkpoint, name: string, prefix: string): string {
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return !has(name) && has(bare) ? bare : name;
}

function checkShape(
  { name: folder, tensor }: Checkpoint,
  name: string,
  { shape, isTransposed, part }: ParamEntry,
): void {
  const whole = part === undefined ? shape : shape.with(0, part.total);
  const expected = isTransposed === true ? whole.toReversed() : whole;
  const found = tensor(name).shape;
  if (found.join() === expected.join()) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "loadNetwork",
    problem: `"${name}" in ${folder} has shape [${found.join(", ")}], but config.json makes it [${expected.join(", ")}].`,
    fix: "use the config.json that belongs to these weights.",
    facts: { name, found, expected },
  });
}

/** [rows, columns] to [columns, rows], in blocks that fit the cache. */
function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  const block = 32;
  for (let i0 = 0; i0 < rows; i0 += block) {
    for (let j0 = 0; j0 < columns; j0 += block) {
      const iEnd = Math.min(i0 + block, rows);
      const jEnd = Math.min(j0 + block, columns);
      for (let i = i0; i < iEnd; i++)
        for (let j = j0; j < jEnd; j++) result[j * rows + i] = data[i * columns + j]!;
    }
  }
  return result;
}

/**
 * The tensors of a checkpoint from a parameter tree: the inverse of `readParams`.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when the tree lacks a parameter of the layout or has others, `SHAPE_MISMATCH` when one has
 * another shape than the layout says
 */
export async function storedParams(
  params: Tree<Tensor>,
  layout: readonly ParamEntry[],
): Promise<Record<string, TensorToStore>> {
  const byPath = new Map(leaves<Tensor>(params));
  checkTree(byPath, layout);
  const stored: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const { path, name, shape, isTransposed = false, part } of layout) {
    const tensor = byPath.get(path)!;
    const total = part?.total ?? shape[0]!;
    const rowSize = sizeOf(shape) / shape[0]!;
    const whole = (stored[name] ??= {
      shape: shape.with(0, total),
      data: new Float32Array(total * rowSize),
    });
    whole.data.set((await tensor.data()) as Float32Array, (part?.start ?? 0) * rowSize);
    const end = (part?.start ?? 0) + (shape[0] ?? 1);
    if (isTransposed && end === total && shape.length === 2) {
      whole.data = transposed(whole.data, total, rowSize);
      whole.shape.reverse();
    }
  }
  return stored;
}

function checkTree(byPath: ReadonlyMap<string, Tensor>, layout: readonly ParamEntry[]): void {
  const where = "saveNetwork";
  const fix = "save the config.json that these parameters belong to.";
  for (const { path, shape } of layout) {
    const found = byPath.get(path)?.shape;
    if (found === undefined) {
      const problem = `the parameters lack "${path}", which config.json asks for.`;
      throw new PatchClampError("UNKNOWN_NAME", { where, problem, fix, facts: { path } });
    }
    if (found.join() !== shape.join()) {
      const problem = `"${path}" has shape [${found.join(", ")}], but config.json makes it [${shape.join(", ")}].`;
      throw new PatchClampError("SHAPE_MISMATCH", { where, problem, fix, facts: { path } });
    }
  }
  const known = new Set(layout.map(({ path }) => path));
  const extra = [...byPath.keys()].find((path) => !known.has(path));
  if (extra === undefined) return;
  const problem = `the parameters hold "${extra}", for which config.json has no place.`;
  throw new PatchClampError("UNKNOWN_NAME", { where, problem, fix, facts: { path: extra } });
}
