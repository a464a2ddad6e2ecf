import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { ParamEntry } from "../architectures/family.ts";
import { memoryFiles } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import { ones } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openCheckpoint } from "./checkpoint.ts";
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
  const tree = (await readParams(await checkpointOf(tensors), layout)) as {
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
  const tree = (await readParams(await checkpointOf(stored), layout)) as { w: Tensor; b: Tensor };
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
  const tree = (await readParams(
    await checkpointOf({ c_attn: { shape: [2, 3], data: count(6) } }),
    layout,
  )) as { qkv: Tensor[] };
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
        const tree = await readParams(await checkpointOf({ w: { shape, data } }), layout);
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
    const tree = (await readParams(await checkpointOf(tensors), layout, {
      optionalPrefix: "transformer.",
    })) as {
      w: Tensor;
    };
    return tree.w.item();
  };
  expect(await read({ w: one(1) })).toBe(1);
  expect(await read({ "transformer.w": one(2) })).toBe(2);
});

test("a shape that the config does not make is refused", async () => {
  const checkpoint = await checkpointOf({ w: { shape: [2, 3], data: count(6) } });
  await expect(readParams(checkpoint, [{ path: "w", name: "w", shape: [3, 2] }])).rejects
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
