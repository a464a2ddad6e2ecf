import { expect, test } from "vitest";

import {
  feeds,
  floats,
  openGoldenModel,
  runModel,
} from "../../../test/golden/onnx/surgery/read.ts";
import type { GoldenModel } from "../../../test/golden/onnx/surgery/read.ts";
import type { Dim } from "./index.ts";
import { surgery } from "./index.ts";

/** Sizes that the axes' names have in the feeds. */
const SIZES: Readonly<Record<GoldenModel, Readonly<Record<string, number>>>> = {
  decoder: { batch: 3, pos: 4 },
  external: { batch: 3 },
  quantised: { batch: 2, pos: 3 },
  bodies: { batch: 3 },
  shapes: { batch: 3, height: 6, width: 9 },
};

/** A size with numbers for its names: sums of products of names and numbers. */
function sizeOf(dim: Dim, sizes: Readonly<Record<string, number>>): number | null {
  if (typeof dim !== "string") return dim;
  return dim.split(/ (?=[+-] )/).reduce((sum, part) => {
    const factors = part.replace(/^[+-] /, "").split("*");
    const product = factors.reduce((all, factor) => all * (sizes[factor] ?? Number(factor)), 1);
    return sum + (part.startsWith("-") ? -product : product);
  }, 0);
}

test.each(Object.keys(feeds) as GoldenModel[])(
  "every value of %s has the type and the sizes that are told of it",
  async (name) => {
    // what the file says of inner values is taken away first
    const model = (await openGoldenModel(name)).strip();
    const computed = model.values().filter(({ role }) => role === "computed");
    const bytes = await model.expose(computed.map((value) => value.name)).bytes();
    // numbers that lie beside the model are replaced: only types and sizes are compared
    const whole = name === "external" ? await withMadeUpWeights(bytes) : bytes;
    const results = await runModel(whole, feeds[name]);
    for (const { name: value, type, shape } of computed) {
      const told = shape?.map((dim) => sizeOf(dim, SIZES[name]));
      const { type: realType, shape: real } = results[value]!;
      expect.soft([value, told?.map((size, i) => size ?? real[i])]).toEqual([value, real]);
      expect.soft([value, type]).toEqual([value, realType]);
    }
  },
);

async function withMadeUpWeights(bytes: Uint8Array): Promise<Uint8Array> {
  let model = await surgery(bytes);
  for (const { name, role, shape } of model.values()) {
    if (role !== "initializer") continue;
    const numbers = shape as readonly number[];
    model = model.replaceInitializer(name, {
      shape: numbers,
      data: floats(numbers).data as Float32Array,
    });
  }
  return model.bytes();
}

test("the sizes of the decoder and of the bodies are all known, by names or by numbers", async () => {
  for (const name of ["decoder", "quantised", "bodies"] as const) {
    const model = (await openGoldenModel(name)).strip();
    const open = model
      .values()
      .filter(({ shape }) => shape?.every((size) => size !== null) !== true);
    expect(open).toEqual([]);
  }
});

test("a value says what it is, who makes it and who reads it, bodies included", async () => {
  const model = await openGoldenModel("bodies");
  const label = (name: string, opType: string) => ({ name, opType, domain: "" });
  expect(model.value("h")).toEqual({
    name: "h",
    role: "computed",
    isOutput: false,
    type: "float32",
    shape: ["batch", 4],
    producer: label("tanh", "Tanh"),
    consumers: [label("branch", "If"), label("loop", "Loop")],
  });
  expect(model.value("w")).toMatchObject({ role: "initializer", producer: undefined });
  expect(model.value("x")).toMatchObject({ role: "input", isOutput: false });
  expect(model.value("side")).toMatchObject({ isOutput: true, consumers: [] });
});

test("a name that no value has is answered with those next to it", async () => {
  const model = await openGoldenModel("bodies");
  expect(() => model.value("loped")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: surgery.value: the graph has no value "loped" among its 13 values; values within the bodies of nodes do not count.
      fix: the nearest names are "looped", "chosen", "side".]
  `);
  expect(() => model.expose(["doubled"])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: surgery.expose: the graph has no value "doubled" among its 13 values; values within the bodies of nodes do not count.
      fix: the nearest names are "looped", "nought", "chosen".]
  `);
});
