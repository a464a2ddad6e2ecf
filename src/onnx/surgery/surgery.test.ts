import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { damagedBytes } from "../../../test/fuzz/bytes.ts";
import {
  feeds,
  feedsOf,
  goldenFolder,
  openGoldenModel,
  runModel,
} from "../../../test/golden/onnx/surgery/read.ts";
import type { GoldenModel } from "../../../test/golden/onnx/surgery/read.ts";
import { PatchClampError } from "../../core/errors.ts";
import { memoryFiles } from "../../core/files.ts";
import { bytesField, fieldsOf, integerField, messageOf } from "../message.ts";
import { readModel } from "../model.ts";
import type { OnnxGraph } from "../model.ts";
import type { Surgery } from "./index.ts";
import { surgery } from "./index.ts";

const MODELS: readonly GoldenModel[] = ["decoder", "external", "quantised", "bodies", "shapes"];

const bytesOf = (name: GoldenModel): Promise<Uint8Array> => goldenFolder.read(`${name}.onnx`);

/** The graph's fields of a number, as they stand in the file. */
function parts(bytes: Uint8Array, no: number): Buffer[] {
  const graph = fieldsOf("test", bytes).find((field) => field.no === 7)!;
  return fieldsOf("test", graph.value as Uint8Array)
    .filter((field) => field.no === no)
    .map(({ raw }) => Buffer.from(raw));
}

async function graphOf(model: Surgery): Promise<OnnxGraph> {
  return readModel("test", await model.bytes()).graph;
}

const names = (list: readonly { readonly name: string }[]): string[] =>
  list.map(({ name }) => name);

describe("what nobody changed", () => {
  test.each(MODELS)("is %s, byte for byte", async (name) => {
    const bytes = await bytesOf(name);
    const model = await surgery(bytes);
    expect(Buffer.from(await model.bytes()).equals(bytes)).toBe(true);
    const files = memoryFiles();
    if (name === "external") await files.write("weights/external.bin", new Uint8Array(4));
    await model.save(files, "again.onnx");
    expect(Buffer.from(await files.read("again.onnx")).equals(bytes)).toBe(true);
  });

  test("is every node and every constant when outputs are added", async () => {
    const bytes = await bytesOf("decoder");
    const added = await (await surgery(bytes)).expose("/blocks.0/Add_4_output_0").bytes();
    for (const no of [1, 5, 11, 13]) expect(parts(added, no)).toEqual(parts(bytes, no));
    expect(parts(added, 12).slice(0, 1)).toEqual(parts(bytes, 12));
  });

  test("is every quantised constant and every node but one when an edit is baked", async () => {
    const bytes = await bytesOf("quantised");
    const model = await surgery(bytes);
    const bake = { kind: "scale", site: "h", gain: 2 } as const;
    const baked = await model.bake([bake]).expose("h4").bytes();
    const before = parts(bytes, 5);
    expect(parts(baked, 5).slice(0, before.length)).toEqual(before);
    const nodes = new Set(parts(baked, 1).map((node) => node.toString("hex")));
    const gone = parts(bytes, 1).filter((node) => !nodes.has(node.toString("hex")));
    expect(gone).toHaveLength(1);
  });

  test("survives where PatchClamp does not know it, in the model, the graph and its nodes", () => {
    const unknown = fc.oneof(
      fc.tuple(fc.integer({ min: 200, max: 5000 }), fc.uint8Array({ maxLength: 40 })),
      fc.tuple(fc.integer({ min: 200, max: 5000 }), fc.bigInt({ min: 0n, max: 2n ** 40n })),
    );
    const field = ([no, value]: readonly [number, Uint8Array | bigint]) =>
      typeof value === "bigint" ? integerField(no, value) : bytesField(no, value);
    return bytesOf("bodies").then((bytes) =>
      fc.assert(
        fc.asyncProperty(unknown, unknown, async (first, second) => {
          const inGraph = fieldsOf("test", bytes).map((part) =>
            part.no === 7
              ? bytesField(
                  7,
                  messageOf([
                    field(first),
                    ...fieldsOf("test", part.value as Uint8Array).map((inner) =>
                      inner.no === 1
                        ? bytesField(
                            1,
                            messageOf([
                              ...fieldsOf("test", inner.value as Uint8Array),
                              field(second),
                            ]),
                          )
                        : inner,
                    ),
                  ]),
                )
              : part,
          );
          const strange = messageOf([...inGraph, field(second)]);
          const model = await surgery(strange);
          expect(Buffer.from(await model.bytes()).equals(strange)).toBe(true);
          const renamed = await model.rename({ h: "hidden" }).rename({ hidden: "h" }).bytes();
          expect(Buffer.from(renamed).equals(strange)).toBe(true);
        }),
        { seed: 1, numRuns: 100 },
      ),
    );
  });
});

describe("exposed values", () => {
  test("are what they were, and the outputs stay as they are", async () => {
    const model = await openGoldenModel("decoder");
    const site = "/blocks.0/Add_4_output_0";
    const before = await runModel(model, feeds.decoder);
    const exposed = model.expose([site, "logits", site]);
    const after = await runModel(exposed, feeds.decoder);
    expect(Object.keys(after)).toEqual(["logits", site]);
    expect(after["logits"]).toEqual(before["logits"]);
    const alone = await runModel(model.cutAfter(site), feeds.decoder);
    expect(alone).toEqual({ [site]: after[site] });
    expect((await graphOf(exposed)).outputs[1]).toMatchObject({
      name: site,
      type: "float32",
      shape: ["batch", "pos", 16],
    });
  });

  test("can be constants and inputs", async () => {
    const model = (await openGoldenModel("bodies")).expose(["w", "x"]);
    const { w, x } = await runModel(model, feeds.bodies);
    expect(w!.shape).toEqual([4, 4]);
    expect(x!.numbers).toEqual(Array.from(feeds.bodies["x"]!.data as Float32Array));
  });
});

describe("a model that is cut", () => {
  test("holds nothing that its outputs do not need", async () => {
    const model = (await openGoldenModel("bodies")).cutAfter("chosen");
    const { nodes, initializers, inputs, outputs } = await graphOf(model);
    expect(names(nodes)).toEqual(["tanh", "sum", "positive", "branch"]);
    // "two" is read in a body alone
    expect(names(initializers)).toEqual(["two", "nought"]);
    expect([names(inputs), names(outputs)]).toEqual([["x"], ["chosen"]]);
  });

  test("loses inputs that it does not need, and gives the same value", async () => {
    const whole = await openGoldenModel("shapes");
    const cut = whole.cutAfter(["gather34_0", "onehot35_0"]);
    expect((await graphOf(cut)).inputs).toEqual([]);
    const both = whole.expose(["gather34_0", "onehot35_0"]);
    const { gather34_0, onehot35_0 } = await runModel(both, feeds.shapes);
    expect(await runModel(cut, {})).toEqual({ gather34_0, onehot35_0 });
  });

  test("must end at something that is computed", async () => {
    const model = await openGoldenModel("bodies");
    expect(() => model.cutAfter("w")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.cutAfter: "w" is an input or a constant, so nothing is computed up to there.
        fix: name a value that a node makes.]
    `);
    expect(() => model.cutAfter([])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.cutAfter: no value is named.
        fix: name a value; values() lists them.]
    `);
  });
});

describe("a model that is split", () => {
  test.each([
    ["decoder", "/blocks.0/Add_4_output_0"],
    ["decoder", "/blocks.1/Softmax_output_0"],
    ["decoder", "/embed/Gather_output_0"],
    ["quantised", "h8"],
    ["bodies", "h"],
    ["bodies", "chosen"],
  ] as const)("gives, half by half, what %s gives (%s)", async (name, at) => {
    const whole = await openGoldenModel(name);
    const { head, tail, passed } = whole.split(at);
    const expected = await runModel(whole, feeds[name]);
    const model = await graphOf(head);
    const rest = await graphOf(tail);
    const nodes = [...model.nodes, ...rest.nodes].flatMap(({ outputs }) => outputs);
    expect(new Set(nodes).size).toBe(nodes.length);
    expect(passed).toContain(at);
    const first = await runWith(head, feeds[name]);
    const second = await runWith(tail, { ...feeds[name], ...feedsOf(first) });
    expect({ ...first, ...second }).toMatchObject(expected);
  });

  test("must leave something for its second half", async () => {
    const model = await openGoldenModel("quantised");
    expect(() => model.split("y")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.split: nothing is left to compute after "y".
        fix: split at a value that other nodes read.]
    `);
  });
});

type Feeds = (typeof feeds)[GoldenModel];

/** Runs a model on those feeds that it has inputs for. */
async function runWith(model: Surgery, all: Feeds): ReturnType<typeof runModel> {
  const inputs = new Set(names((await graphOf(model)).inputs));
  return runModel(
    model,
    Object.fromEntries(Object.entries(all).filter(([key]) => inputs.has(key))),
  );
}

describe("values with other names", () => {
  test("are read under them everywhere, in bodies too, and change places", async () => {
    const model = await openGoldenModel("bodies");
    const before = await runModel(model, feeds.bodies);
    const renamed = model.rename({ h: "chosen", chosen: "h", x: "in", y: "out", two: "factor" });
    const { out, side } = await runModel(renamed, { in: feeds.bodies["x"]! });
    expect({ y: out, side }).toEqual(before);
  });

  test("keep clear of names that are taken", async () => {
    const model = await openGoldenModel("bodies");
    expect(() => model.rename({ h: "x" })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: surgery.rename: "h" cannot be called "x": that name is taken.]`,
    );
    // a name within a body
    expect(() => model.rename({ h: "doubled" })).toThrowError(/is taken/);
    expect(() => model.rename({ h: "" })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: surgery.rename: "h" cannot be called "": a value must have a name.]`,
    );
    expect(() => model.rename({ nobody: "x" })).toThrowError(/no value "nobody"/);
  });
});

describe("what is there for people", () => {
  test("goes, and the model gives the same", async () => {
    const model = await openGoldenModel("decoder");
    const bytes = await model.strip().bytes();
    const { graph, metadata } = readModel("test", bytes);
    expect(metadata.size).toBe(0);
    expect(graph.values).toEqual([]);
    expect(graph.nodes.filter(({ name }) => name !== "")).toEqual([]);
    expect(Buffer.from(bytes).includes("a decoder")).toBe(false);
    expect(Buffer.from(bytes).includes("a node")).toBe(false);
    expect(await runModel(bytes, feeds.decoder)).toEqual(await runModel(model, feeds.decoder));
  });

  test("stays where it is asked to", async () => {
    const model = await openGoldenModel("decoder");
    const kept = model.strip({ docs: false, metadata: false, nodeNames: false, valueInfo: false });
    expect(Buffer.from(await kept.bytes()).equals(await bytesOf("decoder"))).toBe(true);
    const docs = await model.strip({ docs: true, metadata: false }).bytes();
    expect(readModel("test", docs).metadata.get("author")).toBe("nobody");
  });

  test("is set key by key", async () => {
    const model = await openGoldenModel("decoder");
    const made = model.setMetadata({ author: "somebody", steered: "yes" });
    expect(Object.fromEntries(made.metadata())).toEqual({ author: "somebody", steered: "yes" });
    const without = made.setMetadata({ author: undefined, nothing: undefined });
    expect(Object.fromEntries(without.metadata())).toEqual({ steered: "yes" });
    // the model that was changed is as it was
    expect(Object.fromEntries(model.metadata())).toEqual({ author: "nobody" });
    expect(parts(await made.bytes(), 1)).toEqual(parts(await bytesOf("decoder"), 1));
  });
});

test("1,000 damaged files are refused in words or edited", async () => {
  const tally = { edited: 0, refused: 0 };
  for (const name of ["bodies", "quantised", "decoder", "external"] as const) {
    const whole = await bytesOf(name);
    await fc.assert(
      fc.asyncProperty(damagedBytes(whole), async (bytes) => {
        try {
          await exercise(await surgery(bytes));
          tally.edited++;
        } catch (error) {
          if (!(error instanceof PatchClampError)) throw error;
          tally.refused++;
        }
      }),
      { seed: 7, numRuns: 250 },
    );
  }
  expect(tally.edited).toBeGreaterThan(100);
  expect(tally.refused).toBeGreaterThan(200);
});

/** Every edit that a model may take. */
async function exercise(model: Surgery): Promise<void> {
  const values = model.values();
  const computed = values.filter(({ role }) => role === "computed").map(({ name }) => name);
  const middle = computed[computed.length >> 1];
  const attempts: (() => Promise<unknown> | Surgery)[] = [
    () => model.expose(computed).bytes(),
    () => model.strip().setMetadata({ key: "text" }).bytes(),
    () => model.cutAfter(middle ?? "").bytes(),
    () => model.split(middle ?? "").tail.bytes(),
    () => model.rename({ [middle ?? ""]: "another name" }).bytes(),
    () => model.bake([{ kind: "scale", site: middle ?? "", gain: 2, type: "float32" }]).bytes(),
    () => model.save(memoryFiles(), "model.onnx"),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof PatchClampError)) throw error;
    }
  }
}

test("bytes that are no model are refused", async () => {
  await expect(surgery(new Uint8Array())).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: surgery: the file has 0 graphs, so it is no ONNX model.
      fix: load a whole ONNX file.]
  `);
  await expect(surgery(new TextEncoder().encode("a text"))).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: surgery: a message breaks off or is damaged at byte 1 of its 6.
      fix: load a whole ONNX file.]
  `);
});
