import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { expect, test } from "vitest";

import { encodeModel } from "./proto.ts";

/** The fields of one message by number, in order of appearance, as onnx.proto numbers them. */
type Fields = Map<number, (Uint8Array | bigint | number)[]>;

function decode(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const value =
      wireType === WireType.LengthDelimited
        ? reader.bytes()
        : wireType === WireType.Bit32
          ? reader.float()
          : BigInt(reader.int64());
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).map((bytes) => decode(bytes as Uint8Array));
const texts = (fields: Fields, field: number): string[] =>
  (fields.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));

const model = decode(
  encodeModel({
    opsets: { "": 21, "com.microsoft": 1 },
    nodes: [
      {
        name: "first#0",
        opType: "Clip",
        domain: "",
        inputs: ["x", "", "high"],
        outputs: ["y"],
        attrs: {
          whole: -3,
          real: { float: 0.5 },
          name: "none",
          many: [1, -1],
          reals: { floats: [0.25, 2] },
        },
      },
      {
        name: "n",
        opType: "Gelu",
        domain: "com.microsoft",
        inputs: ["y"],
        outputs: ["z"],
        attrs: {},
      },
    ],
    initializers: [{ name: "high", onnxType: 1, shape: [], bytes: Uint8Array.of(0, 0, 128, 63) }],
    inputs: [{ name: "x", onnxType: 1, shape: [2, 0] }],
    outputs: [
      { name: "sequence", onnxType: 1, shape: "sequence" },
      { name: "z", onnxType: 7, shape: [] },
    ],
  }),
);
const graph = messages(model, 7)[0]!;

test("a model says its IR version, its producer and its operator sets", () => {
  expect(model.get(1)).toEqual([10n]);
  expect(texts(model, 2)).toEqual(["patchclamp"]);
  const opsets = messages(model, 8).map((set) => [texts(set, 1).join(""), set.get(2)![0]]);
  expect(opsets).toEqual([
    ["", 21n],
    ["com.microsoft", 1n],
  ]);
});

test("a node keeps the place of an optional input that is left out", () => {
  const [clip, gelu] = messages(graph, 1);
  expect(texts(clip!, 1)).toEqual(["x", "", "high"]);
  expect([texts(clip!, 2), texts(clip!, 3), texts(clip!, 4)]).toEqual([
    ["y"],
    ["first#0"],
    ["Clip"],
  ]);
  expect(clip!.has(7)).toBe(false);
  expect(texts(gelu!, 7)).toEqual(["com.microsoft"]);
});

test("attributes are written under their type", () => {
  const attributes = messages(messages(graph, 1)[0]!, 5).map((attribute) => ({
    name: texts(attribute, 1)[0],
    type: attribute.get(20)![0],
    values: [2, 3, 4, 7, 8].flatMap((field) => attribute.get(field) ?? []),
  }));
  expect(attributes).toEqual([
    { name: "whole", type: 2n, values: [-3n] },
    { name: "real", type: 1n, values: [0.5] },
    { name: "name", type: 3n, values: [new TextEncoder().encode("none")] },
    { name: "many", type: 7n, values: [1n, -1n] },
    { name: "reals", type: 6n, values: [0.25, 2] },
  ]);
});

test("a constant is its name, type, sizes and raw little-endian bytes", () => {
  const [high] = messages(graph, 5);
  expect(texts(high!, 8)).toEqual(["high"]);
  expect(high!.get(2)).toEqual([1n]);
  expect(high!.has(1)).toBe(false);
  expect(high!.get(9)).toEqual([Uint8Array.of(0, 0, 128, 63)]);
});

test("ports say every size, also 0, and a scalar has a shape without sizes", () => {
  const tensorType = (port: Fields): Fields => messages(messages(port, 2)[0]!, 1)[0]!;
  const sizes = (type: Fields) => messages(messages(type, 2)[0]!, 1).map((size) => size.get(1)![0]);
  const [x] = messages(graph, 11);
  expect(sizes(tensorType(x!))).toEqual([2n, 0n]);
  const [, z] = messages(graph, 12);
  expect(tensorType(z!).get(1)).toEqual([7n]);
  expect(sizes(tensorType(z!))).toEqual([]);
});

test("a sequence is declared as one of tensors", () => {
  const [sequence] = messages(graph, 12);
  const element = messages(messages(messages(sequence!, 2)[0]!, 4)[0]!, 1)[0]!;
  expect(messages(element, 1)[0]!.get(1)).toEqual([1n]);
});
