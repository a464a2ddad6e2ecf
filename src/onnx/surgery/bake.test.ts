import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  feeds,
  feedsOf,
  floats,
  openGoldenModel,
  runModel,
} from "../../../test/golden/onnx/surgery/read.ts";
import { GraphWriter, FLOAT } from "../../../bench/onnx-writer.ts";
import { readModel } from "../model.ts";
import type { Bake, Numbers } from "./index.ts";
import { surgery } from "./index.ts";

const WIDTH = 6;
const SITE = "/blocks.0/Add_4_output_0";

/** A graph that gives its input x [batch, pos, 6] doubled as "middle", and that plus 1 as "y". */
function small(): Uint8Array {
  const graph = new GraphWriter();
  graph.input("x", FLOAT, ["batch", "pos", WIDTH]);
  graph.output(graph.node("Add", ["x", "x"]), "middle", ["batch", "pos", WIDTH]);
  graph.output(graph.node("Add", ["middle", graph.floats("one", [1], [1])]), "y", [
    "batch",
    "pos",
    WIDTH,
  ]);
  return graph.finish();
}

const row = (...data: readonly number[]): Numbers => ({
  shape: [data.length],
  data: Float32Array.from(data),
});
const numbers = (length: number) =>
  fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: length, maxLength: length });
const vector = numbers(WIDTH)
  .filter((row) => Math.hypot(...row) > 0.1)
  .map((data) => row(...data));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

interface Edit {
  readonly bake: Bake;
  /** What it does at one place. */
  readonly byHand: (x: readonly number[]) => readonly number[];
}

const site = "middle";

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(vector, fc.float({ min: -2, max: 2, noNaN: true })).map(([vector, scale]): Edit => ({
    bake: { kind: "add", site, vector, scale },
    byHand: (x) => x.map((value, i) => value + scale * vector.data[i]!),
  })),
  fc
    .tuple(vector, fc.constantFrom(undefined, -0.5), fc.constantFrom(undefined, 0.7))
    .map(([direction, min, max]): Edit => ({
      bake: { kind: "clamp", site, direction, min, max },
      byHand: (x) => {
        const length = Math.hypot(...direction.data);
        const component = dot(x, direction.data) / length;
        const held = Math.min(Math.max(component, min ?? -Infinity), max ?? Infinity);
        return x.map((value, i) => value + ((held - component) * direction.data[i]!) / length);
      },
    })),
  vector.map((basis): Edit => ({
    bake: { kind: "project-out", site, basis: { ...basis, shape: [1, WIDTH] } },
    byHand: (x) => {
      const part = dot(x, basis.data) / dot(basis.data, basis.data);
      return x.map((value, i) => value - part * basis.data[i]!);
    },
  })),
  vector.map((gain): Edit => ({
    bake: { kind: "scale", site, gain },
    byHand: (x) => x.map((value, i) => value * gain.data[i]!),
  })),
  vector.map((value): Edit => ({
    bake: { kind: "replace", site, value },
    byHand: () => Array.from(value.data),
  })),
  fc.constant<Edit>({ bake: { kind: "ablate", site }, byHand: (x) => x.map(() => 0) }),
  fc.tuple(numbers(WIDTH * WIDTH), vector).map(([weight, bias]): Edit => ({
    bake: {
      kind: "affine",
      site,
      weight: { shape: [WIDTH, WIDTH], data: Float32Array.from(weight) },
      bias,
    },
    byHand: (x) =>
      x.map((_, i) => dot(weight.slice(i * WIDTH, (i + 1) * WIDTH), x) + bias.data[i]!),
  })),
  fc.array(fc.constantFrom(0, 1), { minLength: WIDTH, maxLength: WIDTH }).map((keep): Edit => ({
    bake: { kind: "mask", site, keep: row(...keep) },
    byHand: (x) => x.map((value, i) => value * keep[i]!),
  })),
);

test("baked interventions do what is done by hand, in their order, on any number of places", async () => {
  const model = await surgery(small());
  const x = floats([2, 3, WIDTH]);
  const before = (await runModel(model, { x }))["middle"]!.numbers;
  await fc.assert(
    fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 4 }), async (chosen) => {
      const after = await runModel(model.bake(chosen.map(({ bake }) => bake)), { x });
      const expected = Array.from({ length: 6 }, (_, i) =>
        chosen.reduce<readonly number[]>(
          (place, { byHand }) => byHand(place),
          before.slice(i * WIDTH, (i + 1) * WIDTH),
        ),
      ).flat();
      // float32: products of up to 6 numbers of size 3, in up to 4 edits that each multiply by up to 18
      const largest = Math.max(1, ...expected.map(Math.abs));
      for (const [i, value] of after["middle"]!.numbers.entries())
        expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-3 * largest);
      const plusOne = after["middle"]!.numbers.map((value) => Math.fround(value + 1));
      expect(after["y"]!.numbers).toEqual(plusOne);
    }),
    { seed: 3, numRuns: 60 },
  );
});

describe("an edit in the middle of a decoder", () => {
  test("reaches the output as it does when the second half is fed by hand", async () => {
    const model = await openGoldenModel("decoder");
    const vector = row(...Array.from({ length: 16 }, (_, i) => Math.cos(i)));
    const { head, tail } = model.split(SITE);
    const made = await runModel(head, feeds.decoder);
    const steered = made[SITE]!.numbers.map((x, i) => x + 2 * vector.data[i % 16]!);
    const expected = await runModel(tail, {
      ...feedsOf(made),
      [SITE]: floatsLike(made[SITE]!.shape, steered),
    });
    const baked = model.bake([{ kind: "add", site: SITE, vector, scale: 2 }]);
    const { logits } = await runModel(baked, feeds.decoder);
    // the same float32 operations in the same order
    expect(logits).toEqual(expected["logits"]);
    expect(logits).not.toEqual((await runModel(model, feeds.decoder))["logits"]);
  });

  test("is what an exposed value holds, and its name and shape stay", async () => {
    const model = await openGoldenModel("decoder");
    const baked = model.bake([{ kind: "ablate", site: SITE, mean: row(...Array(16).fill(3)) }]);
    const { [SITE]: value } = await runModel(baked.expose(SITE), feeds.decoder);
    expect(value!.shape).toEqual([3, 4, 16]);
    expect(new Set(value!.numbers)).toEqual(new Set([3]));
    expect(baked.value(SITE)).toMatchObject({ type: "float32", shape: ["batch", "pos", 16] });
  });

  test("of strength 0 changes nothing", async () => {
    const model = await openGoldenModel("decoder");
    const vector = row(...Array(16).fill(1));
    const baked = model.bake([{ kind: "add", site: SITE, vector, scale: 0 }]);
    expect(await runModel(baked, feeds.decoder)).toEqual(await runModel(model, feeds.decoder));
  });
});

function floatsLike(shape: readonly number[], data: readonly number[]): ReturnType<typeof floats> {
  const made = floats(shape);
  (made.data as Float32Array).set(data);
  return made;
}

test("an input is changed for those who read it, in bodies too", async () => {
  const model = await openGoldenModel("bodies");
  const x = feeds.bodies["x"]!;
  const doubled = floatsLike(
    x.dims,
    Array.from(x.data as Float32Array, (value) => value * 2),
  );
  const baked = model.bake([{ kind: "scale", site: "x", gain: 2 }]);
  expect(await runModel(baked, { x })).toEqual(await runModel(model, { x: doubled }));
});

test("several changes of an input apply in their order", async () => {
  const model = await openGoldenModel("bodies");
  const vector = row(1, 2, 3, 4);
  const x = feeds.bodies["x"]!;
  const changed = Array.from(x.data as Float32Array, (value, i) => value * 2 + vector.data[i % 4]!);
  const baked = model.bake([
    { kind: "scale", site: "x", gain: 2 },
    { kind: "add", site: "x", vector },
  ]);
  const expected = await runModel(model, { x: floatsLike(x.dims, changed) });
  expect(await runModel(baked, { x })).toEqual(expected);
});

test("a value that only bodies read is changed there", async () => {
  const model = await openGoldenModel("bodies");
  const baked = model.bake([{ kind: "ablate", site: "h" }]).expose("chosen");
  // every sum is above 0 or below it: the branch takes h * 2 or h - x
  const { chosen } = await runModel(baked, feeds.bodies);
  const x = Array.from(feeds.bodies["x"]!.data as Float32Array);
  const sum = x.reduce((a, b) => a + b, 0);
  expect(chosen!.numbers.map((value) => value + 0)).toEqual(
    x.map((value) => (sum > 0 ? 0 : -value)),
  );
});

test("new values and nodes have names of their own, also when a model is baked again", async () => {
  const bake: Bake = { kind: "clamp", site: "middle", direction: row(1, 0, 0, 0, 0, 0), max: 0 };
  const model = (await surgery(small())).bake([bake, bake]);
  const again = (await surgery(await model.bytes())).bake([bake]);
  const { nodes, initializers } = readModel("test", await again.bytes()).graph;
  const values = [
    ...nodes.flatMap(({ outputs }) => outputs),
    ...initializers.map(({ name }) => name),
  ];
  expect(new Set(values).size).toBe(values.length);
  const called = nodes.map(({ name }) => name).filter((name) => name !== "");
  expect(new Set(called).size).toBe(called.length);
});

describe("what cannot be baked is refused:", () => {
  test.each<[string, Bake]>([
    ["places", { kind: "ablate", site: "middle", at: { positions: [0] } }],
    ["conditions", { kind: "ablate", site: "middle", when: {} }],
    ["experts", { kind: "experts", site: "middle" }],
    ["widths that differ", { kind: "add", site: "middle", vector: row(1, 2, 3) }],
    [
      "a basis of another width",
      {
        kind: "project-out",
        site: "middle",
        basis: { shape: [1, 2], data: Float32Array.of(1, 0) },
      },
    ],
    [
      "dependent rows",
      {
        kind: "project-out",
        site: "middle",
        basis: { shape: [2, 6], data: new Float32Array(12).fill(1) },
      },
    ],
    ["no direction", { kind: "clamp", site: "middle", direction: row(0, 0, 0, 0, 0, 0), min: 0 }],
    ["a site that is not there", { kind: "ablate", site: "midle" }],
  ])("%s", async (_, bake) => {
    const model = await surgery(small());
    expect(() => model.bake([bake])).toThrowErrorMatchingSnapshot();
  });

  test("quantised values", async () => {
    const model = await openGoldenModel("quantised");
    expect(() => model.bake([{ kind: "ablate", site: "hq" }])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.bake: the value "hq" holds uint8.
        fix: name a value of floating-point numbers, such as one after DequantizeLinear.]
    `);
  });
});
