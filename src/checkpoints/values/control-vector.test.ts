import { describe, expect, test } from "vitest";

import { readGolden } from "../../../test/golden/read.ts";
import { maxDifference } from "../../../test/tiny.ts";
import { openNetwork } from "../../index.ts";
import { openFolder } from "../../runtime/open-folder.ts";
import { interventionSet } from "../../values/intervention-set.ts";
import { placesOf } from "../../values/where.ts";
import { planInterventions } from "../../values/plan.ts";
import { writeGguf } from "../gguf/writer.ts";
import { readSafetensors } from "../safetensors.ts";
import { readControlVector, writeControlVector } from "./control-vector.ts";

// made by test/golden/values/make_values.py
const folder = openFolder(new URL("../../../test/golden/values", import.meta.url).href);

describe.each(["control-vector.gguf", "control-vector-deep.gguf"])("repeng's %s", (path) => {
  test("is written again byte for byte", async () => {
    const bytes = await folder.read(path);
    const { set, modelHint } = await readControlVector(bytes, path);
    expect(writeControlVector(set, { modelHint })).toEqual(new Uint8Array(bytes));
  });
});

test("directions are added to the outputs of the blocks that repeng trained them on", async () => {
  const { set, modelHint } = await readControlVector(await folder.read("control-vector-deep.gguf"));
  expect(modelHint).toBe("mistral");
  expect(set.interventions.map(({ kind, site }) => `${kind} ${site}`)).toEqual([
    "add blocks.3.resid_post",
    "add blocks.2.resid_post",
    "add blocks.1.resid_post",
  ]);
});

test.each([
  ["up", 0.7],
  ["down", -1.5],
])("logits steered %s are repeng's", async (name, strength) => {
  const { files } = await readGolden("llama");
  const net = await openNetwork(files, { check: false });
  const { tensors } = await readSafetensors(folder, "expected.safetensors");
  const ids = Array.from((await tensors.get("ids")!.data()) as BigInt64Array, Number);
  const { set } = await readControlVector(await folder.read("control-vector.gguf"));
  const select = (site: string) => net.sites().filter((known) => known.name === site);
  const plan = planInterventions([set], { select });
  const places = placesOf(net.tokens([ids]));
  const edit = Object.fromEntries(plan.edits(plan.inputs(places, { strength })));
  const steered = await (await net.run([ids], { edit })).logits.numbers();
  const theirs = (await tensors.get(`steered.${name}`)!.data()) as Float32Array;
  const plain = (await tensors.get("plain")!.data()) as Float32Array;
  expect(maxDifference(steered, theirs)).toBeLessThan(1e-4); // the parity tests' bar on logits
  expect(maxDifference(theirs, plain)).toBeGreaterThan(0.1);
});

test("what scales a direction is multiplied into it, and directions of one block are summed", async () => {
  const site = "blocks.2.resid_post";
  const bytes = writeControlVector({
    interventions: [
      { kind: "add", site, vector: [1, 2], scale: 3 },
      { kind: "add", site, vector: [1, 0] },
    ],
    madeFor: { network: "llama", hash: "00", dModel: 2 },
  });
  const { set, modelHint } = await readControlVector(bytes);
  expect(set).toEqual(interventionSet({ interventions: [{ kind: "add", site, vector: [4, 6] }] }));
  expect(modelHint).toBe("llama");
});

describe("a control vector is refused", () => {
  const direction = { shape: [2], data: Float32Array.of(1, 2) };
  const file = (name: string, numbers = direction, architecture = "controlvector"): Uint8Array =>
    writeGguf({ "general.architecture": architecture }, [
      ["direction.1", direction],
      [name, numbers],
    ]);

  test("when it is a network", async () => {
    await expect(
      readControlVector(file("direction.2", direction, "llama")),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readControlVector: the file holds a network of the kind llama, not a control vector.]`,
    );
  });

  test("when it has a direction for block 0, which llama.cpp refuses too", async () => {
    await expect(readControlVector(file("direction.0"))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readControlVector: the file holds a tensor "direction.0", which is no direction of a layer from 1 on.]`,
    );
  });

  test("when directions differ in width", async () => {
    const wide = { shape: [3], data: new Float32Array(3) };
    await expect(
      readControlVector(file("direction.2", wide)),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readControlVector: the file holds "direction.2" of shape [3], not [2].]`,
    );
  });

  test("when a direction holds infinity", async () => {
    const odd = { shape: [2], data: Float32Array.of(1, Infinity) };
    await expect(
      readControlVector(file("direction.2", odd)),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readControlVector: the file holds Infinity in "direction.2".]`,
    );
  });

  test("when it holds none", async () => {
    const empty = writeGguf({ "general.architecture": "controlvector" }, []);
    await expect(readControlVector(empty)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readControlVector: the file holds no directions.]`,
    );
  });
});

test.each([
  ["another kind", { kind: "ablate", site: "blocks.1.resid_post" }],
  ["another site", { kind: "add", site: "blocks.1.mlp_out", vector: [1] }],
  ["block 0", { kind: "add", site: "blocks.0.resid_post", vector: [1] }],
  [
    "some places",
    { kind: "add", site: "blocks.1.resid_post", vector: [1], at: { phase: "prompt" } },
  ],
] as const)("a control vector cannot hold %s", (_, one) => {
  expect(() => writeControlVector({ interventions: [one] })).toThrow(
    /^writeControlVector: a control vector cannot hold/,
  );
});

test("what a control vector cannot hold is named", () => {
  const interventions = [{ kind: "scale", site: "blocks.1.resid_post", gain: 2 }] as const;
  expect(() => writeControlVector({ interventions: [...interventions] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: writeControlVector: a control vector cannot hold "scale" at "blocks.1.resid_post": it does something else than add.
      fix: save the set as a PatchClamp file, which holds all of it.]
  `);
});
