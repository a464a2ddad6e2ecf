// Between a checkpoint's tensors and a family's parameter tree: names, fused matrices, transposed storage.

import type { ParamEntry } from "../architectures/family.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { gate } from "../core/gate.ts";
import { plural } from "../core/text.ts";
import { leaves, treeOf } from "../core/tree.ts";
import { fromSource } from "../tensor/leaf.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { pack, rangeOf, storedPlace, storedShape, unpacked } from "./packing.ts";
import type { ElementRange, TensorToStore } from "./safetensors.ts";

/** How names and leftover tensors of a checkpoint are taken. */
export interface ReadOptions {
  /** A part of names that the checkpoint may leave out. Default: none. */
  readonly optionalPrefix?: string;
  /** Ends of names that the checkpoint may write otherwise, by the layout's. Default: none. */
  readonly formerEnds?: Readonly<Record<string, string>>;
  /** Tensors that are of no use. Default: none. */
  readonly unused?: RegExp;
}

// buffers that older versions of transformers saved with the weights; all follow from the config
const BUFFERS =
  /(?:rotary_emb\.(?:\w+_)?inv_freq|attn\.(?:masked_)?bias|attention\.(?:masked_)?bias|position_ids|num_batches_tracked)$/;

/** Tensors that are read at a time: enough to keep a disk busy, few enough that what is being converted takes little room. */
const READERS = 4;

/**
 * Finds the parameters that a layout lists. Their numbers stay in the file, in its types, until they are first needed.
 *
 * @returns the tree, with tensors named by their place in the file; the first use of one throws `BAD_FILE` when it holds NaN or
 * infinity
 * @throws PatchClampError `UNKNOWN_NAME` when a tensor is missing, `SHAPE_MISMATCH` when one has another shape than the config says,
 * `UNSUPPORTED` when the checkpoint holds a tensor that the network would not use
 */
export function readParams(
  checkpoint: Checkpoint,
  layout: readonly ParamEntry[],
  options: ReadOptions = {},
): Tree<Tensor> {
  const names = layout.map(({ name }) => storedName(checkpoint, name, options));
  checkAllUsed(checkpoint, new Set(names), options);
  const enter = gate(READERS);
  const wholes = new SharedReads(checkpoint, names);
  return treeOf(
    layout.flatMap((entry, i): [string, Tensor][] => {
      const name = names[i]!;
      if (entry.isOptional === true && !checkpoint.has(name)) return [];
      checkShape(checkpoint, name, entry);
      const range = rangeOf(entry);
      const load = async (wanted?: ElementRange): Promise<Float32Array> => {
        if (wanted !== undefined) return readPart(checkpoint, name, entry, wanted);
        if (range === undefined) return unpacked(await wholes.read(name), entry);
        const data = await checkpoint.float32(name, range);
        return data.length === sizeOf(entry.shape) ? data : data.subarray(...range);
      };
      const tensor = fromSource(
        (wanted) => enter(() => load(wanted)),
        { shape: entry.shape, dtype: "float32" },
        name,
      );
      return [[entry.path, tensor]];
    }),
  );
}

/** Elements between two that are wanted: as many are read along rather than in a reading of their own. */
const GAP = 8192;

/** A few elements of a parameter, in the tree's order. */
async function readPart(
  { float32 }: Checkpoint,
  name: string,
  entry: ParamEntry,
  [start, end]: ElementRange,
): Promise<Float32Array> {
  const runs: { first: number; places: number[] }[] = [];
  for (let element = start; element < end; element++) {
    const place = storedPlace(entry, element);
    const last = runs.at(-1)?.places.at(-1) ?? -Infinity;
    if (place > last && place - last <= GAP) runs.at(-1)!.places.push(place);
    else runs.push({ first: place, places: [place] });
  }
  const part = new Float32Array(end - start);
  let at = 0;
  for (const { first, places } of runs) {
    const range = [first, places.at(-1)! + 1] as const;
    const data = await float32(name, range);
    // a checkpoint that cannot read a part gives all
    const offset = data.length === range[1] - range[0] ? first : 0;
    for (const place of places) part[at++] = data[place - offset]!;
  }
  return part;
}

/** Reads tensors that several parameters lie in once, and lets go of them when the last of these has its part. */
class SharedReads {
  readonly #checkpoint: Checkpoint;
  readonly #left = new Map<string, number>();
  readonly #wholes = new Map<string, Promise<Float32Array>>();

  constructor(checkpoint: Checkpoint, names: readonly string[]) {
    this.#checkpoint = checkpoint;
    for (const name of names) this.#left.set(name, (this.#left.get(name) ?? 0) + 1);
  }

  read(name: string): Promise<Float32Array> {
    const whole = this.#wholes.get(name) ?? this.#checkpoint.float32(name);
    const left = this.#left.get(name)! - 1;
    this.#left.set(name, left);
    if (left > 0) this.#wholes.set(name, whole);
    else this.#wholes.delete(name);
    return whole;
  }
}

/** The name that a checkpoint has of those that a tensor may have; the layout's where it has none. */
function storedName({ has }: Checkpoint, name: string, options: ReadOptions): string {
  const { optionalPrefix = "", formerEnds = {} } = options;
  const former = Object.entries(formerEnds)
    .filter(([end]) => name.endsWith(end))
    .map(([end, was]) => name.slice(0, -end.length) + was);
  const whole = [name, ...former];
  const bare = whole
    .filter((own) => own.includes(optionalPrefix))
    .map((own) => own.replace(optionalPrefix, ""));
  return [...whole, ...bare].find(has) ?? name;
}

function checkAllUsed(
  { name: folder, tensors }: Checkpoint,
  used: ReadonlySet<string>,
  { unused = /^$/, optionalPrefix = "" }: ReadOptions,
): void {
  const left = [...tensors.keys()].filter(
    (name) =>
      !used.has(name) &&
      !BUFFERS.test(name) &&
      !unused.test(name) &&
      !unused.test(optionalPrefix + name),
  );
  if (left.length === 0) return;
  throw new PatchClampError("UNSUPPORTED", {
    where: "loadNetwork",
    problem: `${folder} holds ${plural(left.length, "tensor")} that its config.json gives no place, such as "${left[0]}".`,
    fix: "use the config.json that belongs to these weights.",
    facts: { tensors: left.slice(0, 20) },
  });
}

function checkShape({ name: folder, tensor }: Checkpoint, name: string, entry: ParamEntry): void {
  const expected = storedShape(entry);
  const found = tensor(name).shape;
  if (found.join() === expected.join()) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "loadNetwork",
    problem: `"${name}" in ${folder} has shape [${found.join(", ")}], but config.json makes it [${expected.join(", ")}].`,
    fix: "use the config.json that belongs to these weights.",
    facts: { name, found, expected },
  });
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
  const stored: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const entry of layout) {
    const tensor = byPath.get(entry.path);
    if (tensor === undefined) continue;
    const shape = storedShape(entry);
    stored[entry.name] ??= { shape, data: new Float32Array(sizeOf(shape)) };
    const own = (await tensor.data()) as Float32Array;
    pack(own, entry, stored[entry.name]!.data);
  }
  return stored;
}

function checkTree(byPath: ReadonlyMap<string, Tensor>, layout: readonly ParamEntry[]): void {
  const where = "saveNetwork";
  const fix = "save the config.json that these parameters belong to.";
  for (const { path, shape, isOptional = false } of layout) {
    const found = byPath.get(path)?.shape;
    if (found === undefined) {
      if (isOptional) continue;
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
