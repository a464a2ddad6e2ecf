import * as fc from "fast-check";
import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import type { ParamEntry } from "../architectures/family.ts";
import { memoryFiles } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import { ones } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { openNetwork } from "./load.ts";
import { readParams, storedParams } from "./params.ts";
import { writeSafetensors } from "./safetensors.ts";

type Stored = Readonly<Record<string, { shape: number[]; data: Float32Array }>>;

async function checkpointOf(tensors: Stored): Promise<Checkpoint> {
  return openCheckpoint(memoryFiles({ "model.safetensors": writeSafetensors(tensors) }, "folder"));
}

const count = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i);

test("dotted paths with whole numbers make lists", async () => {
  const layout = ["blocks.0.w", "blocks.1.w", "embed"].map((path) => ({
    path,
    name: path,
    shape: [1],
  }));
  const tensors = Object.fromEntries(
    layout.map(({ name }, i) => [name, { shape: [1], data: Float32Array.of(i) }]),
  );
  const tree = readParams(await checkpointOf(tensors), layout) as {
    blocks: { w: Tensor }[];
    embed: Tensor;
  };
  expect(Array.isArray(tree.blocks)).toBe(true);
  expect(await tree.blocks[1]!.w.data()).toEqual(Float32Array.of(1));
  expect(await tree.embed.data()).toEqual(Float32Array.of(2));
});

test("a transposed matrix is turned, and a vector is left alone", async () => {
  const layout: ParamEntry[] = [
    { path: "w", name: "w", shape: [3, 2], isTransposed: true },
    { path: "b", name: "b", shape: [3], isTransposed: true },
  ];
  const stored = { w: { shape: [2, 3], data: count(6) }, b: { shape: [3], data: count(3) } };
  const tree = readParams(await checkpointOf(stored), layout) as { w: Tensor; b: Tensor };
  expect(await tree.w.data()).toEqual(Float32Array.of(0, 3, 1, 4, 2, 5));
  expect(await tree.b.data()).toEqual(Float32Array.of(0, 1, 2));
});

test("a fused matrix is cut along the tree's first axis", async () => {
  const layout: ParamEntry[] = [0, 1, 2].map((i) => ({
    path: `qkv.${i}`,
    name: "c_attn",
    shape: [1, 2],
    isTransposed: true,
    part: { start: i, total: 3 },
  }));
  // [in 2, out 3]: column i is part i
  const tree = readParams(
    await checkpointOf({ c_attn: { shape: [2, 3], data: count(6) } }),
    layout,
  ) as { qkv: Tensor[] };
  expect(await Promise.all(tree.qkv.map((part) => part.data()))).toEqual([
    Float32Array.of(0, 3),
    Float32Array.of(1, 4),
    Float32Array.of(2, 5),
  ]);
});

test("what is read and stored again has the bits and shapes of the file, whatever its form", async () => {
  const size = fc.integer({ min: 1, max: 70 });
  await fc.assert(
    fc.asyncProperty(
      size,
      fc.array(size, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async (from, parts, isTransposed) => {
        const total = parts.reduce((sum, part) => sum + part);
        const layout: ParamEntry[] = parts.map((part, i) => ({
          path: `p.${i}`,
          name: "w",
          shape: [part, from],
          isTransposed,
          part: { start: parts.slice(0, i).reduce((sum, one) => sum + one, 0), total },
        }));
        const shape = isTransposed ? [from, total] : [total, from];
        const data = count(from * total);
        const tree = readParams(await checkpointOf({ w: { shape, data } }), layout);
        expect(leaves<Tensor>(tree).map(([, leaf]) => leaf.shape)).toEqual(
          parts.map((part) => [part, from]),
        );
        expect(await storedParams(tree, layout)).toMatchObject({ w: { shape, data } });
      },
    ),
    { seed: 3, numRuns: 40 },
  );
});

test("a name is read without the optional prefix only where the full one is missing", async () => {
  const one = (value: number): Stored[string] => ({ shape: [1], data: Float32Array.of(value) });
  const layout = [{ path: "w", name: "transformer.w", shape: [1] }];
  const read = async (tensors: Stored): Promise<number> => {
    const tree = readParams(await checkpointOf(tensors), layout, {
      optionalPrefix: "transformer.",
    }) as {
      w: Tensor;
    };
    return tree.w.item();
  };
  expect(await read({ w: one(1) })).toBe(1);
  expect(await read({ "transformer.w": one(2) })).toBe(2);
});

test("rows that take turns are sorted out, group by group", async () => {
  // two heads of two rows each for q, k, v: q0 q0 k0 k0 v0 v0 q1 q1 ...
  const layout: ParamEntry[] = ["q", "k", "v"].map((path, index) => ({
    path,
    name: "qkv",
    shape: [4, 1],
    turn: { index, of: 3, groups: 2 },
  }));
  const stored = { qkv: { shape: [12, 1], data: count(12) } };
  const tree = readParams(await checkpointOf(stored), layout) as Record<string, Tensor>;
  expect(await tree["q"]!.data()).toEqual(Float32Array.of(0, 1, 6, 7));
  expect(await tree["v"]!.data()).toEqual(Float32Array.of(4, 5, 10, 11));
  expect(await storedParams(tree, layout)).toMatchObject(stored);
});

test("a parameter is taken from its place in a stack, and turned there", async () => {
  // expert, in, out by turns of gate and up
  const layout: ParamEntry[] = [0, 1].flatMap((expert) =>
    ["gate", "up"].map((name, index) => ({
      path: `experts.${expert}.${name}`,
      name: "gate_up",
      shape: [2, 3],
      stack: { index: expert, of: 2 },
      isTransposed: true,
      turn: { index, of: 2, groups: 2 },
    })),
  );
  const stored = { gate_up: { shape: [2, 3, 4], data: count(24) } };
  const tree = readParams(await checkpointOf(stored), layout) as {
    experts: { gate: Tensor; up: Tensor }[];
  };
  expect(await tree.experts[0]!.gate.data()).toEqual(Float32Array.of(0, 4, 8, 2, 6, 10));
  expect(await tree.experts[1]!.up.data()).toEqual(Float32Array.of(13, 17, 21, 15, 19, 23));
  expect(await storedParams(tree, layout)).toMatchObject(stored);
});

test("of a large tensor only the part is read that a parameter lies in", async () => {
  const file = writeSafetensors({ w: { shape: [4, 2], data: count(8) } });
  const files = memoryFiles({ "model.safetensors": file }, "folder");
  const ranges: number[] = [];
  const watched = {
    ...files,
    readRange: (path: string, start: number, end: number) => {
      ranges.push(end - start);
      return files.readRange(path, start, end);
    },
  };
  const entry = { path: "w", name: "w", shape: [1, 2], part: { start: 2, total: 4 } };
  const tree = readParams(await openCheckpoint(watched), [entry]) as { w: Tensor };
  const before = ranges.length;
  expect(await tree.w.data()).toEqual(Float32Array.of(4, 5));
  expect(await tree.w.data()).toEqual(Float32Array.of(4, 5));
  expect(ranges.slice(before)).toEqual([8]);
});

test("weights are looked at when they are first used, and then NaN is refused", async () => {
  const stored = { w: { shape: [2], data: Float32Array.of(1, NaN) } };
  const layout = [{ path: "w", name: "w", shape: [2] }];
  const tree = readParams(await checkpointOf(stored), layout) as { w: Tensor };
  await expect(tree.w.add(1).data()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openCheckpoint: tensor "w" in model.safetensors is NaN at [1]; weights must be finite.
      fix: use a checkpoint from before the training diverged, or one stored in a wider type.]
  `);
  await expect(tree.w.data()).rejects.toThrow("weights must be finite");
});

test("a tensor that the network would not use is refused, buffers of old versions are not", async () => {
  const layout = [{ path: "w", name: "w", shape: [1] }];
  const one = { shape: [1], data: count(1) };
  const checkpoint = await checkpointOf({ w: one, "attn.bias": one, "w.scale": one });
  expect(() => readParams(checkpoint, layout)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: folder holds 1 tensor that its config.json gives no place, such as "w.scale".
      fix: use the config.json that belongs to these weights.]
  `);
  const tree = readParams(checkpoint, layout, { unused: /\.scale$/ });
  expect(Object.keys(tree)).toEqual(["w"]);
});

test("a shape that the config does not make is refused", async () => {
  const checkpoint = await checkpointOf({ w: { shape: [2, 3], data: count(6) } });
  expect(() => readParams(checkpoint, [{ path: "w", name: "w", shape: [3, 2] }]))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: "w" in folder has shape [2, 3], but config.json makes it [3, 2].
      fix: use the config.json that belongs to these weights.]
  `);
});

test("a tree that lacks a parameter is refused", async () => {
  const layout = [{ path: "a.w", name: "w", shape: [1] }];
  await expect(storedParams({ a: {} }, layout)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveNetwork: the parameters lack "a.w", which config.json asks for.
      fix: save the config.json that these parameters belong to.]
  `);
  await expect(storedParams({ a: { w: ones([1]), b: ones([1]) } }, layout)).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveNetwork: the parameters hold "a.b", for which config.json has no place.
      fix: save the config.json that these parameters belong to.]
  `);
});

test.each(["gpt2", "neox", "mixtral", "gpt-oss", "phi3"])(
  "a few elements of any parameter of %s are those of the whole",
  async (name) => {
    const { files } = await openGolden(name);
    const { params } = await openNetwork(files, { check: false });
    for (const [path, param] of leaves<Tensor>(params)) {
      const ranges = [
        [0, 1],
        [0, 20],
        [param.size - 20, param.size],
      ] as const;
      const own = ranges.filter(([start, end]) => start >= 0 && end <= param.size);
      const parts = await Promise.all(own.map(async (range) => param.value!.readPart!(range)));
      const whole = await param.data();
      for (const [i, range] of own.entries()) {
        expect({ path, part: parts[i] }).toEqual({ path, part: whole.slice(...range) });
      }
    }
  },
);
