// Constants with other numbers: replaced, or with a product of low rank added. Other messages keep their bytes.

import { PatchClampError } from "../../core/errors.ts";
import { nearest } from "../../core/text.ts";
import { storedSize } from "../model.ts";
import type { OnnxType } from "../model.ts";
import type { Document, FreshData } from "./document.ts";
import type { InitializerView } from "./graph-view.ts";
import { tensorOf } from "./graph-view.ts";
import { withFreshData } from "./fresh.ts";
import { folderOf, checkedLocation } from "./location.ts";
import type { FloatType, Numbers } from "./numbers.ts";
import { bytesOfFloats, floatsOf, isFloatType, transposed } from "./numbers.ts";
import { layoutOf } from "./layout.ts";
import type { WeightLayout } from "./layout.ts";

/** Numbers of a constant. Packed and rare types are given as bytes. */
export interface ConstantData {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;
}

/** A product of low rank, added to a weight as W + scale * B A. */
export interface LowRank {
  /** [rank, in] */
  readonly a: Numbers;
  /** [out, rank] */
  readonly b: Numbers;
  /** Default 1. */
  readonly scale?: number;
  /** How the weight lies, where the nodes that read it do not say: `in-out` for x W, `out-in` for x Wᵀ. */
  readonly layout?: WeightLayout;
}

/** Gives a constant other numbers of the same type and shape. */
export function replaced(document: Document, name: string, given: ConstantData): Document {
  const where = "surgery.replaceInitializer";
  const old = constantIn(document, where, name);
  const bytes = bytesIn(old.type, given.data);
  const sizeBytes = storedSize(old.type, old.shape);
  if (given.shape.join() !== old.shape.join() || bytes?.length !== sizeBytes) {
    const got = bytes === undefined ? `a ${given.data.constructor.name}` : `${bytes.length} bytes`;
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `"${name}" holds ${old.type} [${old.shape.join(", ")}], ${sizeBytes} bytes; given are [${given.shape.join(", ")}] in ${got}.`,
      fix: "give numbers of the same type and shape: floats as Float32Array, packed types as bytes.",
      facts: { name, shape: given.shape },
    });
  }
  return withConstant(document, old, { sizeBytes, bytes: async () => bytes });
}

function bytesIn(type: OnnxType, data: ConstantData["data"]): Uint8Array | undefined {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof Uint8Array) return raw;
  if (data instanceof Float32Array)
    return isFloatType(type) ? bytesOfFloats(type, data) : undefined;
  const kind =
    data instanceof BigInt64Array ? "int64" : data instanceof Int32Array ? "int32" : "int8";
  return kind === type ? raw : undefined;
}

/** Adds a product of low rank to a weight. The sum is computed when the model is written. */
export function merged(document: Document, name: string, lowRank: LowRank): Document {
  const where = "surgery.mergeLowRank";
  const old = constantIn(document, where, name);
  const { type } = old;
  if (!isFloatType(type)) {
    throw new PatchClampError("UNSUPPORTED", {
      where,
      problem: `"${name}" is quantised (${type}), and a product of low rank is not merged into numbers of that kind.`,
      fix: "merge into the floating-point model and quantise it again.",
      facts: { name, type },
    });
  }
  const { layout, gain } = layoutOf(where, document.graph, name, lowRank.layout);
  const [left, right] = factorsOf(name, old, lowRank, layout);
  const scale = (lowRank.scale ?? 1) / gain;
  const before = dataOf(document, where, old);
  return withConstant(document, old, {
    sizeBytes: storedSize(old.type, old.shape),
    bytes: async () => sumOf(type, await before(), [left, right], scale),
  });
}

/** The factors whose product has the shape of the weight: B A, or Aᵀ Bᵀ. */
function factorsOf(
  name: string,
  { shape }: InitializerView,
  { a, b }: LowRank,
  layout: WeightLayout,
): readonly [Numbers, Numbers] {
  const [rank, inputs] = a.shape;
  const [outputs, other] = b.shape;
  const wanted = layout === "in-out" ? [inputs, outputs] : [outputs, inputs];
  const isMatrix = a.shape.length === 2 && b.shape.length === 2 && rank === other;
  if (!isMatrix || shape.join() !== wanted.join()) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "surgery.mergeLowRank",
      problem: `"${name}" is [${shape.join(", ")}], read as ${layout === "in-out" ? "[in, out]" : "[out, in]"}; a [${a.shape.join(", ")}] and b [${b.shape.join(", ")}] do not fit.`,
      fix: "give a [rank, in] and b [out, rank], or say the layout.",
      facts: { name, layout },
    });
  }
  return layout === "in-out" ? [transposed(a), transposed(b)] : [b, a];
}

/** W + scale * left right, rounded once. */
function sumOf(
  type: FloatType,
  bytes: Uint8Array,
  [left, right]: readonly [Numbers, Numbers],
  scale: number,
): Uint8Array {
  const sum = floatsOf(type, bytes).slice();
  const [rows, rank] = left.shape as readonly [number, number];
  const columns = right.shape[1]!;
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * left.data[i * rank + k]!;
      for (let j = 0; j < columns; j++) row[j]! += factor * right.data[k * columns + j]!;
    }
    for (let j = 0; j < columns; j++) sum[i * columns + j]! += row[j]!;
  }
  return bytesOfFloats(type, sum);
}

/** How the bytes of a constant are come by. */
function dataOf(
  document: Document,
  where: string,
  view: InitializerView,
): () => Promise<Uint8Array> {
  const { name, data } = view;
  if (data instanceof Uint8Array) return async () => tensorOf(view).data as Uint8Array;
  const fresh = document.fresh.get(data.location);
  if (fresh !== undefined) return fresh.bytes;
  const { source } = document;
  if (source === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `the numbers of "${name}" lie in ${JSON.stringify(data.location)}, and the model was given as bytes.`,
      fix: "open it with surgery({ files, path }).",
      facts: { name },
    });
  }
  const path = folderOf(source.path) + checkedLocation(where, data.location);
  return async () => {
    const length = storedSize(view.type, view.shape);
    if (data.length !== undefined && data.length !== length) {
      throw new PatchClampError("BAD_FILE", {
        where,
        problem: `the constant "${name}" takes ${length} bytes, but the model says that ${data.location} holds ${data.length} for it.`,
        fix: "load the model with the files that were saved with it.",
      });
    }
    return source.files.readRange(path, data.offset, data.offset + length);
  };
}

function constantIn({ graph }: Document, where: string, name: string): InitializerView {
  const found = graph.initializers.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, graph.initializers.keys());
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem: `the graph has no constant ${JSON.stringify(name)}.`,
    fix:
      near.length === 0
        ? undefined
        : `the nearest names are ${near.map((other) => JSON.stringify(other)).join(", ")}.`,
    facts: { name, near },
  });
}

function withConstant(document: Document, old: InitializerView, data: FreshData): Document {
  const fresh = new Map(document.fresh);
  const field = withFreshData(fresh, old.field, data);
  const { fields } = document.graph;
  return document.withGraph(
    fields.map((other) => (other === old.field ? field : other)),
    fresh,
  );
}
