import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { damagedBytes } from "../../../test/fuzz/bytes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { memoryFiles } from "../../core/files.ts";
import { Rng } from "../../core/rng.ts";
import { adapter } from "../../values/adapter.ts";
import type { ProbeInput } from "../../values/probe.ts";
import type { InterventionSetInput } from "../../values/intervention-set.ts";
import { interventionSet } from "../../values/intervention-set.ts";
import { readSafetensors, writeSafetensors } from "../safetensors.ts";
import type { TensorToStore } from "../safetensors.ts";
import {
  loadInterventions,
  readAdapter,
  readInterventions,
  readProbe,
  saveInterventions,
  writeAdapter,
  writeInterventions,
  writeProbe,
} from "./intervention-file.ts";

const KEY = "patchclamp.intervention";
const network = { network: "tiny", hash: "0a1b", dModel: 4 };
const direction = new Rng(1).normals(4);
const probe: ProbeInput = {
  kind: "mlp",
  site: "blocks.0.resid_pre",
  threshold: 0.5,
  layers: [
    {
      weight: [
        [1, 2, 3, 4],
        [0, 1, 0, 1],
      ],
      bias: [0.5, -0.5],
    },
    { weight: [[1, -1]], bias: [0] },
  ],
};

/** A set with every field of the schema in it. */
const full: InterventionSetInput = {
  name: "calm",
  note: "an example",
  conflict: "compose",
  madeFor: network,
  curve: {
    metric: "share of calm texts, 0..1",
    points: [
      { strength: 0, effect: 0.1, randomEffect: 0.1, perplexity: 8, repetition: 0 },
      { strength: 1, effect: 0.6 },
    ],
    baseline: 0.1,
    collapse: 4,
    band: [0.5, 2],
  },
  interventions: [
    {
      kind: "add",
      site: "blocks.0.resid_post",
      vector: direction,
      scale: 2.5,
      note: "words",
      at: {
        phase: "generated",
        positions: [0, -1],
        windows: [{ from: -3 }, { from: 1, to: 4 }],
        tokens: [3, "word", [1, 2]],
        exclude: { positions: [7] },
      },
      when: { probe, threshold: 1, release: -1 },
    },
    {
      kind: "project-out",
      site: "blocks.*.resid_post",
      basis: [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
      ],
    },
    { kind: "clamp", site: "blocks.1.resid_post", direction: [0, 1, 0, 0], min: -1, max: 1 },
    { kind: "scale", site: "blocks.1.mlp_out", gain: 0.5 },
    { kind: "scale", site: "blocks.1.mlp_out", gain: [0, 1, 2, 3] },
    {
      kind: "affine",
      site: "embed",
      weight: [
        [1, 0],
        [0, 1],
      ],
      bias: [1, 2],
    },
    { kind: "replace", site: "embed", value: direction },
    {
      kind: "ablate",
      site: "embed",
      mean: direction,
      when: {
        probe: { kind: "linear", site: "embed", direction },
        per: "prompt",
        pool: "last",
        negate: true,
      },
    },
    { kind: "mask", site: "blocks.0.attn.z", keep: [[1], [0]] },
    { kind: "experts", site: "blocks.0.moe.router_logits", on: [1], off: [0], topK: 2 },
    {
      kind: "feature",
      site: "embed",
      dictionary: "d",
      index: 3,
      value: 2,
      mode: "scale",
      row: {
        encoder: direction,
        bias: -0.5,
        decoder: direction,
        activation: { kind: "jumprelu", threshold: 0.25 },
        normalisation: "norm",
      },
    },
    {
      kind: "feature",
      site: "embed",
      index: 0,
      value: 2,
      row: {
        encoder: direction,
        bias: 0,
        decoder: direction,
        activation: {
          kind: "topk",
          k: 1,
          weight: [direction, direction].map((row) => [...row]),
          bias: [1, 2],
        },
      },
    },
  ],
};

/** A file with another description or other tensors. */
async function edited(
  bytes: Uint8Array,
  edit: (description: never, tensors: Record<string, TensorToStore>) => unknown,
): Promise<Uint8Array> {
  const file = await readSafetensors(memoryFiles({ f: bytes }), "f");
  const tensors: Record<string, TensorToStore> = {};
  for (const [name, { shape, data }] of file.tensors) tensors[name] = { shape, data: await data() };
  const description = JSON.parse(file.metadata[KEY]!) as never;
  const changed = edit(description, tensors) ?? description;
  return writeSafetensors(tensors, { [KEY]: JSON.stringify(changed) });
}

const small = writeInterventions({
  madeFor: network,
  interventions: [
    { kind: "add", site: "embed", vector: direction, at: { positions: [1] } },
    { kind: "clamp", site: "embed", direction, max: 2, when: { probe, release: -1 } },
    {
      kind: "feature",
      site: "embed",
      index: 3,
      value: 2,
      row: { encoder: direction, bias: 1, decoder: direction, activation: { kind: "relu" } },
    },
  ],
});

describe("a file", () => {
  test("gives back the set that was written, and the same set the same bytes", async () => {
    const bytes = writeInterventions(full);
    const { set, origin } = await readInterventions(bytes);
    expect(set).toEqual(interventionSet(full));
    expect(origin).toBe("unknown");
    expect(writeInterventions(set)).toEqual(bytes);
  });

  test("keeps every float32 number exactly", async () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
    await fc.assert(
      fc.asyncProperty(
        fc.float32Array({
          noNaN: true,
          noDefaultInfinity: true,
          minLength: 1,
          maxLength: 9,
        }),
        finite,
        async (value, gain) => {
          const bytes = writeInterventions({
            interventions: [
              { kind: "replace", site: "embed", value },
              { kind: "scale", site: "embed", gain },
            ],
          });
          const { set } = await readInterventions(bytes);
          expect(set.interventions[0]).toEqual({
            kind: "replace",
            site: "embed",
            value: { shape: [value.length], data: value },
          });
          expect(set.interventions[1]).toMatchObject({ gain: gain === 0 ? 0 : gain });
        },
      ),
      { seed: 2, numRuns: 100 },
    );
  });

  test("is kept in a folder", async () => {
    const files = memoryFiles();
    await saveInterventions(files, "calm.safetensors", full);
    const { set } = await loadInterventions(files, "calm.safetensors");
    expect(set).toEqual(interventionSet(full));
  });

  test("holds a probe", async () => {
    const { interventions } = interventionSet(full);
    const own = interventions[0]!.when!.probe;
    expect(await readProbe(writeProbe(own))).toEqual(own);
  });

  test("holds an adapter", async () => {
    const given = adapter({ alpha: 4, targets: { "a.weight": { a: [[1, 2]], b: [[3], [4]] } } });
    expect(await readAdapter(writeAdapter(given))).toEqual(given);
  });
});

describe("the network at hand", () => {
  test("is asked which one it is", async () => {
    const net = { identity: async () => network };
    expect((await readInterventions(small, { network: net })).origin).toBe("same");
  });

  test("is the one that a set was made for when the hashes agree", async () => {
    expect((await readInterventions(small, { network })).origin).toBe("same");
  });

  test("is told to be another one when they do not", async () => {
    const other = { ...network, hash: "ffff" };
    expect((await readInterventions(small, { network: other })).origin).toBe("different");
  });

  test("of another width is refused", async () => {
    const other = { network: "wide", hash: "0a1b", dModel: 8 };
    await expect(readInterventions(small, { network: other })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: readInterventions: this was made for tiny, which is 4 numbers wide; wide is 8 wide.
        fix: use it with the network it was made for, or make it again for this one.]
    `);
  });
});

describe("a file is refused", () => {
  test("when it holds weights", async () => {
    const bytes = writeSafetensors({ w: { shape: [1], data: new Float32Array(1) } });
    await expect(
      readInterventions(bytes, { name: "w.safetensors" }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: w.safetensors has no description "patchclamp.intervention": it is no file of values.]`,
    );
  });

  test("when it holds another kind of value", async () => {
    const given = adapter({ alpha: 4, targets: { "a.weight": { a: [[1, 2]], b: [[3], [4]] } } });
    await expect(readInterventions(writeAdapter(given))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: the file has no description "patchclamp.intervention": it holds patchclamp.adapter.]`,
    );
  });

  test("when it has an unknown key", async () => {
    const bytes = await edited(small, ({ value }: { value: never }) => ({
      version: 1,
      value: { ...(value as object), colour: "red" },
    }));
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: the set in the file has the unknown key "colour".]`,
    );
  });

  test("when an intervention is of no known kind", async () => {
    const bytes = await edited(small, () => ({
      version: 1,
      value: { interventions: [{ kind: "nudge", site: "embed" }] },
    }));
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: interventions[0].kind of the set in the file is of no known kind.]`,
    );
  });

  test("when a number is missing", async () => {
    const bytes = await edited(small, (_, tensors) => {
      delete tensors["interventions.0.vector"];
    });
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: the file describes a tensor "interventions.0.vector" that it does not hold.]`,
    );
  });

  test("when a tensor is of no use", async () => {
    const bytes = await edited(small, (_, tensors) => {
      tensors["more"] = { shape: [1], data: new Float32Array(1) };
    });
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: the file holds a tensor "more" that its description does not use.]`,
    );
  });

  test("when a vector holds NaN", async () => {
    const bytes = await edited(small, (_, tensors) => {
      tensors["interventions.0.vector"] = { shape: [2], data: Float32Array.of(1, Number.NaN) };
    });
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: interventions[0].vector of the set in the file holds NaN.]`,
    );
  });

  test("when a probe's layers do not fit each other", async () => {
    const bytes = await edited(small, (_, tensors) => {
      tensors["interventions.1.when.probe.layers.1.weight"] = {
        shape: [1, 3],
        data: new Float32Array(3),
      };
    });
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: interventions[1].when.probe.layers[1] of the set in the file takes 3 numbers, but the layer before it gives 2.]`,
    );
  });

  test("when it is of a later version", async () => {
    const bytes = await edited(small, (description) => ({
      ...(description as object),
      version: 2,
    }));
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: readInterventions: the file is of version 2; this release reads version 1.
        fix: update patchclamp.]
    `);
  });

  test("when its description nests without end", async () => {
    const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    const bytes = writeSafetensors({}, { [KEY]: `{"version":1,"value":${deep}}` });
    await expect(readInterventions(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: readInterventions: the file has a description that nests deeper than 16.]`,
    );
  });
});

/** Any place in a JSON value, changed, taken away or put elsewhere. */
function damagedJson(whole: string): fc.Arbitrary<string> {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(null, -1, 1e308, "", "add", [], {}, { tensor: "x" }, [[1, 2], [3]], {
      tensor: "interventions.0.vector",
    }),
  );
  return fc
    .tuple(fc.nat(1000), fc.constantFrom("set", "delete", "add"), fc.string(), value)
    .map(([at, how, key, put]) => {
      const root = JSON.parse(whole) as Record<string, unknown>;
      const places: [Record<string, unknown>, string][] = [];
      const visit = (node: Record<string, unknown>): void => {
        for (const [name, inner] of Object.entries(node)) {
          places.push([node, name]);
          if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
        }
      };
      visit(root);
      const [node, name] = places[at % places.length]!;
      if (how === "delete") Reflect.deleteProperty(node, name);
      else node[how === "add" ? key : name] = put;
      return JSON.stringify(root);
    });
}

test("of 1,000 damaged files each is refused or read, and none does anything else", async () => {
  const counts = { refused: 0, read: 0 };
  const attempt = async (bytes: Uint8Array): Promise<void> => {
    try {
      const { set } = await readInterventions(bytes);
      // what was read can be written and read again
      expect((await readInterventions(writeInterventions(set))).set).toEqual(set);
      counts.read++;
    } catch (error) {
      if (!(error instanceof PatchClampError)) throw error;
      counts.refused++;
    }
  };
  await fc.assert(fc.asyncProperty(damagedBytes(small), attempt), { seed: 5, numRuns: 500 });
  const file = await readSafetensors(memoryFiles({ f: small }), "f");
  const tensors: Record<string, TensorToStore> = {};
  for (const [name, { shape, data }] of file.tensors) tensors[name] = { shape, data: await data() };
  await fc.assert(
    fc.asyncProperty(damagedJson(file.metadata[KEY]!), async (json) => {
      await attempt(writeSafetensors(tensors, { [KEY]: json }));
    }),
    { seed: 6, numRuns: 500 },
  );
  expect(counts.read + counts.refused).toBe(1000);
  expect(counts.read).toBeGreaterThan(20);
  expect(counts.refused).toBeGreaterThan(500);
});
