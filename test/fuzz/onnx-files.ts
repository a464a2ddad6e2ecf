// ONNX files with their messages changed: fields left out, doubled and swapped, numbers, names and texts of another kind, data that is
// said to lie elsewhere, messages within themselves.

import * as fc from "fast-check";

import { Rng } from "../../src/core/rng.ts";
import type { Field } from "../../src/onnx/message.ts";
import { bytesField, fieldsOf, integerField, messageOf } from "../../src/onnx/message.ts";
import { damagedBytes } from "./bytes.ts";

type Kind = keyof typeof WITHIN;

/** Which fields of a message hold messages. */
const WITHIN = {
  model: { 7: "graph", 8: "leaf", 14: "leaf", 25: "function" },
  graph: { 1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 11: "graph" },
  function: { 7: "node", 9: "leaf", 11: "attribute" },
  tensor: { 13: "leaf" },
  value: { 2: "type" },
  type: { 1: "tensorType" },
  tensorType: { 2: "shape" },
  shape: { 1: "leaf" },
  leaf: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;

const within = (kind: Kind, no: number): Kind | undefined =>
  (WITHIN[kind] as Readonly<Record<number, Kind>>)[no];

const NUMBERS = [
  0n,
  1n,
  2n,
  7n,
  21n,
  999n,
  4096n,
  2n ** 31n,
  2n ** 40n,
  2n ** 60n,
  -1n,
  -(2n ** 63n),
];

/** Places of files, and some that are none. */
const PLACES = [
  "",
  "x",
  "\0",
  "../weights/a",
  "/etc/passwd",
  "a/../../b",
  "C:\\b",
  "file:///b",
  "weights",
];

const TEXTS = [
  "",
  "x",
  "\0",
  "../weights/a",
  "/etc/passwd",
  "a/../../b",
  "C:\\b",
  "file:///b",
  "weights",
  "If",
  "Loop",
  "Scan",
  "Range",
  "Expand",
  "Tile",
  "ConstantOfShape",
  "Pad",
  "Concat",
  "Constant",
  "DequantizeLinear",
  "LSTM",
  "com.microsoft",
  "ai.onnx.ml",
  "99999999999999999999",
  "location",
  "offset",
  "length",
  "\u{10ffff}".repeat(1000),
];

/** Changes one thing in a message, or in one that lies in it. */
function changed(bytes: Uint8Array, kind: Kind, rng: Rng, texts: readonly string[]): Uint8Array {
  const fields = readable(bytes);
  if (fields.length === 0) return messageOf([bytesField(1, rng.pick(TEXTS))]);
  const at = rng.below(fields.length);
  const field = fields[at]!;
  const inner = within(kind, field.no);
  if (inner !== undefined && field.value instanceof Uint8Array && rng.uniform() < 0.9)
    return messageOf(
      fields.with(at, bytesField(field.no, changed(field.value, inner, rng, texts))),
    );
  return messageOf(EDITS[rng.below(EDITS.length)]!(fields, at, { kind, rng, texts }));
}

/** The fields of a message; none where an earlier change made something else of it. */
function readable(bytes: Uint8Array): readonly Field[] {
  try {
    return fieldsOf("fuzz", bytes);
  } catch {
    return [];
  }
}

interface Place {
  readonly kind: Kind;
  readonly rng: Rng;
  readonly texts: readonly string[];
}

type Edit = (fields: readonly Field[], at: number, place: Place) => readonly Field[];

const left: Edit = (fields, at) => fields.toSpliced(at, 1);
const doubled: Edit = (fields, at) => fields.toSpliced(at, 0, fields[at]!);
const swapped: Edit = (fields, at, { rng }) => {
  const other = rng.below(fields.length);
  return fields.with(at, fields[other]!).with(other, fields[at]!);
};
const another: Edit = (fields, at, { rng, texts }) => {
  const { no, value } = fields[at]!;
  const text = rng.pick(rng.uniform() < 0.7 ? texts : TEXTS);
  const isNumber = typeof value === "bigint";
  return fields.with(at, isNumber ? integerField(no, rng.pick(NUMBERS)) : bytesField(no, text));
};
const otherKind: Edit = (fields, at, { rng }) =>
  fields.with(at, integerField(fields[at]!.no, rng.pick(NUMBERS)));
const renumbered: Edit = (fields, at, { rng }) => {
  const { value } = fields[at]!;
  const no = 1 + rng.below(26);
  return fields.with(
    at,
    value instanceof Uint8Array ? bytesField(no, value) : integerField(no, value),
  );
};
const nested: Edit = (fields, at) => fields.with(at, bytesField(fields[at]!.no, messageOf(fields)));

/** Numbers of a constant that are said to lie in a file, which may be there. */
const elsewhere: Edit = (fields, at, place) => {
  if (place.kind !== "tensor") return another(fields, at, place);
  const { rng } = place;
  const entry = (key: string, value: string): Field =>
    bytesField(13, messageOf([bytesField(1, key), bytesField(2, value)]));
  const location = rng.pick(["weights", "model.onnx", ...PLACES]);
  const number = (): string => String(rng.pick(NUMBERS));
  return [
    ...fields.filter(({ no }) => no !== 9),
    entry("location", location),
    ...(rng.uniform() < 0.5 ? [entry("offset", number())] : []),
    ...(rng.uniform() < 0.5 ? [entry("length", number())] : []),
    integerField(14, 1),
  ];
};

const EDITS = [left, doubled, swapped, another, another, otherKind, renumbered, nested, elsewhere];

/** Names and texts of a file, such as those of its values. */
function textsOf(bytes: Uint8Array, kind: Kind): string[] {
  return fieldsOf("fuzz", bytes).flatMap(({ no, value }) => {
    if (!(value instanceof Uint8Array)) return [];
    const inner = within(kind, no);
    if (inner !== undefined) return textsOf(value, inner);
    return value.length < 64 ? [new TextDecoder().decode(value)] : [];
  });
}

/** A model with up to four changes in its messages, or with its bytes damaged. */
export function mutatedModel(whole: Uint8Array): fc.Arbitrary<Uint8Array> {
  const texts = [...new Set(textsOf(whole, "model"))];
  const changes = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 4 })).map(([seed, count]) => {
    const rng = new Rng(seed);
    let bytes = whole;
    for (let i = 0; i < count; i++) bytes = changed(bytes, "model", rng, texts);
    return bytes;
  });
  return fc.oneof({ weight: 4, arbitrary: changes }, { weight: 1, arbitrary: damagedBytes(whole) });
}
