// Interventions on networks: what they change and what they leave alone.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

import { Rng } from "../src/core/rng.ts";
import type { LanguageNetwork } from "../src/network/language.ts";
import { collect, printGraph } from "../src/tensor/graph.ts";
import type {
  InterventionInput,
  InterventionSet,
  PlanOptions,
  StrengthOptions,
  Where,
} from "../src/values/index.ts";
import {
  editOf,
  interventionSet,
  placesOf,
  planInterventions,
  planRows,
} from "../src/values/index.ts";
import { maxDifference, tinyNetwork } from "./tiny.ts";

const D_MODEL = 16;
const ROWS = [
  [3, 1, 4, 1, 5, 9],
  [2, 6, 5],
];
const PROMPTS = [4, 2];

const nets: Record<string, LanguageNetwork> = {};
beforeAll(async () => {
  nets["gpt2"] = await tinyNetwork("gpt2");
  nets["llama"] = await tinyNetwork("llama");
});

const vector = (seed: number, width = D_MODEL): Float32Array => new Rng(seed).normals(width);

function options(net: LanguageNetwork): PlanOptions {
  return {
    select: (pattern) => {
      const sites = net.resolveEdits("test", { [pattern]: (x) => x });
      return net.sites().filter(({ name }) => sites.has(name));
    },
  };
}

interface Run extends StrengthOptions {
  readonly rows?: readonly (readonly number[])[];
  readonly prompts?: readonly number[];
  readonly capture?: readonly string[];
}

/** Runs a network with sets for all rows, or a list of sets for each row. */
async function run(
  net: LanguageNetwork,
  sets: readonly InterventionSet[] | readonly (readonly InterventionSet[])[],
  { rows = ROWS, prompts, capture = ["logits"], ...strength }: Run = {},
): Promise<Record<string, Float32Array>> {
  const perRow = sets.some(Array.isArray);
  const plan = perRow
    ? planRows(sets as readonly (readonly InterventionSet[])[], options(net))
    : planInterventions(sets as readonly InterventionSet[], options(net));
  const places = placesOf(net.tokens(rows), prompts);
  const edit = Object.fromEntries(plan.edits(plan.inputs(places, strength)));
  const pass = await net.run(rows, { edit, capture });
  const read = capture.map(async (site) => [site, await pass.at(site).numbers()] as const);
  return Object.fromEntries(await Promise.all(read)) as Record<string, Float32Array>;
}

const setOf = (...interventions: InterventionInput[]): InterventionSet =>
  interventionSet({ interventions });

/** One of each kind that changes something on these networks. */
const EVERY_KIND: Readonly<Record<string, InterventionInput>> = {
  add: { kind: "add", site: "blocks.0.resid_post", vector: vector(1), scale: 3 },
  "project-out": { kind: "project-out", site: "blocks.0.resid_post", basis: vector(2) },
  clamp: { kind: "clamp", site: "blocks.0.resid_post", direction: vector(3), min: 2, max: 2 },
  scale: { kind: "scale", site: "blocks.0.resid_post", gain: 1.5 },
  affine: {
    kind: "affine",
    site: "blocks.0.resid_post",
    weight: Array.from({ length: D_MODEL }, (_, i) => Array.from(vector(10 + i))),
  },
  replace: { kind: "replace", site: "blocks.0.resid_post", value: vector(4) },
  ablate: { kind: "ablate", site: "blocks.0.resid_post" },
  mask: {
    kind: "mask",
    site: "blocks.0.resid_post",
    keep: Array.from({ length: D_MODEL }, (_, i) => i % 2),
  },
};

const whereArbitrary: fc.Arbitrary<Where> = (() => {
  const place = fc.integer({ min: -5, max: 7 });
  const selection = fc.record(
    {
      phase: fc.constantFrom("prompt" as const, "generated" as const, "both" as const),
      positions: fc.array(place, { minLength: 1, maxLength: 3 }),
      windows: fc.array(
        fc.oneof(
          fc.record({ from: place }),
          fc.record({ to: place }),
          fc.tuple(fc.nat(3), fc.integer({ min: 4, max: 6 })).map(([from, to]) => ({ from, to })),
        ),
        { minLength: 1, maxLength: 2 },
      ),
      tokens: fc.array(
        fc.oneof(
          fc.integer({ min: 1, max: 9 }),
          fc.constant<number[]>([1, 4]),
          fc.constant<number[]>([6, 5]),
        ),
        { minLength: 1, maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  );
  return fc
    .tuple(selection, fc.option(selection, { nil: undefined }))
    .map(([include, exclude]) => (exclude === undefined ? include : { ...include, exclude }));
})();

/** A slow reading of `Where`, field by field, as its documentation says it. */
function isMeant(where: Where, row: number, position: number): boolean {
  const ids = ROWS[row]!;
  const prompt = PROMPTS[row]!;
  const absolute = (place: number): number => (place < 0 ? prompt + place : place);
  const fields = (selection: NonNullable<Where["exclude"]>): boolean[] => {
    const answers: boolean[] = [];
    const { phase, positions, windows, tokens } = selection;
    if (phase !== undefined) {
      answers.push(phase === "both" || (phase === "prompt") === position < prompt);
    }
    if (positions !== undefined) {
      answers.push(positions.some((place) => absolute(place) === position));
    }
    if (windows !== undefined) {
      answers.push(
        windows.some(
          ({ from, to }) =>
            (from === undefined || position >= absolute(from)) &&
            (to === undefined || position < absolute(to)),
        ),
      );
    }
    if (tokens !== undefined) {
      answers.push(
        tokens.some((token) => {
          const wanted = [token].flat().join();
          const length = [token].flat().length;
          return ids.slice(Math.max(0, position + 1 - length), position + 1).join() === wanted;
        }),
      );
    }
    return answers;
  };
  const { exclude, ...include } = where;
  const isExcluded = exclude !== undefined && fields(exclude).some(Boolean);
  return fields(include).every(Boolean) && !isExcluded;
}

describe.each(["gpt2", "llama"])("on a tiny %s", (family) => {
  test.each(Object.keys(EVERY_KIND))(
    "%s changes exactly the rows, positions and phases that a random Where names",
    async (kind) => {
      const net = nets[family]!;
      const site = "blocks.0.resid_post";
      const plain = (await run(net, [], { capture: [site] }))[site]!;
      const columns = ROWS[0]!.length;
      await fc.assert(
        fc.asyncProperty(whereArbitrary, async (at) => {
          const set = setOf({ ...EVERY_KIND[kind]!, at });
          const changed = (await run(net, [set], { capture: [site], prompts: PROMPTS }))[site]!;
          for (const [row, ids] of ROWS.entries()) {
            for (let column = 0; column < columns; column++) {
              const start = (row * columns + column) * D_MODEL;
              const difference = maxDifference(
                plain.subarray(start, start + D_MODEL),
                changed.subarray(start, start + D_MODEL),
              );
              const position = column - (columns - ids.length); // padded on the left
              const isNamed = position >= 0 && isMeant(at, row, position);
              expect(difference > 0, `row ${row}, position ${position}`).toBe(isNamed);
            }
          }
        }),
        { seed: 4, numRuns: kind === "add" ? 60 : 12 },
      );
    },
  );

  test.each(Object.keys(EVERY_KIND))("%s of strength 0 changes no logit at all", async (kind) => {
    const net = nets[family]!;
    const plain = await run(net, []);
    const set = setOf(EVERY_KIND[kind]!);
    const still = await run(net, [set], { strength: 0 });
    expect(maxDifference(plain["logits"]!, still["logits"]!)).toBe(0);
    const moved = await run(net, [set]);
    expect(maxDifference(plain["logits"]!, moved["logits"]!)).toBeGreaterThan(0.01);
  });

  test("interventions on one site apply in the order of their list", async () => {
    const net = nets[family]!;
    const site = "blocks.0.resid_post";
    const both = [EVERY_KIND["add"]!, EVERY_KIND["scale"]!];
    const plain = (await run(net, [], { capture: [site] }))[site]!;
    const forth = (await run(net, [setOf(...both)], { capture: [site] }))[site]!;
    const back = (await run(net, [setOf(...both.toReversed())], { capture: [site] }))[site]!;
    const add = vector(1);
    const real = ROWS[0]!.length * D_MODEL; // the first row has no padding
    for (let i = 0; i < real; i++) {
      const shift = 3 * add[i % D_MODEL]!;
      expect(forth[i]!).toBeCloseTo((plain[i]! + shift) * 1.5, 4); // float32, values up to 10
      expect(back[i]!).toBeCloseTo(plain[i]! * 1.5 + shift, 4);
    }
  });

  test("a batch with other interventions in every row gives each row what it gives alone", async () => {
    const net = nets[family]!;
    const rows = Array.from({ length: 8 }, (_, i) =>
      [i + 1, 2, (3 * i) % 11, 5].slice(0, 2 + (i % 3)),
    );
    const sets = rows.map((_, i): InterventionSet[] => [
      ...(i === 3
        ? []
        : [setOf({ kind: "add", site: "blocks.0.resid_post", vector: vector(i), scale: i })]),
      ...(i % 2 === 0
        ? [setOf({ kind: "clamp", site: "blocks.1.resid_mid", direction: vector(9 + i), max: 0 })]
        : []),
      ...(i === 5
        ? [setOf({ kind: "scale", site: "blocks.0.resid_post", gain: -1 }, EVERY_KIND["affine"]!)]
        : []),
      ...(i === 6
        ? [
            setOf({
              kind: "mask",
              site: "blocks.1.attn.z",
              keep: [[1], [0], [1], [0]].slice(0, net.config.nHeads),
            }),
          ]
        : []),
    ]);
    const strength = rows.map((_, i) => 1 - i / 10);
    const together = (await run(net, sets, { rows, strength }))["logits"]!;
    const columns = 4;
    for (const [i, row] of rows.entries()) {
      const alone = (await run(net, sets[i]!, { rows: [row], strength: strength[i]! }))["logits"]!;
      const end = (i + 1) * columns * net.config.dVocab;
      const own = together.subarray(end - row.length * net.config.dVocab, end);
      expect(maxDifference(own, alone)).toBeLessThan(2e-5); // float32 sums in another order, logits of order 10
    }
  });

  test("a condition lets an intervention act where its probe reads more than the threshold", async () => {
    const net = nets[family]!;
    const read = "blocks.0.resid_pre";
    const site = "blocks.0.resid_post";
    const direction = vector(21);
    const seen = await run(net, [], { rows: [ROWS[0]!], capture: [read, site] });
    const scores = ROWS[0]!.map((_, position) =>
      direction.reduce((sum, x, i) => sum + x * seen[read]![position * D_MODEL + i]!, 0),
    );
    const threshold = scores.toSorted((a, b) => a - b)[2]! + 1e-3;
    const gated = (negate: boolean): InterventionSet =>
      setOf({
        ...EVERY_KIND["add"]!,
        when: { probe: { kind: "linear", site: read, direction, threshold }, negate },
      });
    for (const negate of [false, true]) {
      const given = { rows: [ROWS[0]!], capture: [site] };
      const changed = (await run(net, [gated(negate)], given))[site]!;
      for (const [position, score] of scores.entries()) {
        const [start, end] = [position * D_MODEL, (position + 1) * D_MODEL];
        const moved = maxDifference(changed.subarray(start, end), seen[site]!.subarray(start, end));
        expect(moved > 0).toBe(score > threshold !== negate);
      }
    }
  });

  test("a condition on prompts holds for whole rows", async () => {
    const net = nets[family]!;
    const read = "blocks.0.resid_pre";
    const site = "blocks.1.mlp_out";
    const direction = vector(22);
    const seen = await run(net, [], { capture: [read, site] });
    const columns = ROWS[0]!.length;
    const scoreAt = (row: number, position: number): number => {
      const column = position + columns - ROWS[row]!.length;
      const start = (row * columns + column) * D_MODEL;
      return direction.reduce((sum, x, i) => sum + x * seen[read]![start + i]!, 0);
    };
    const pools = {
      mean: (scores: number[]) => scores.reduce((sum, x) => sum + x, 0) / scores.length,
      max: (scores: number[]) => Math.max(...scores),
      last: (scores: number[]) => scores.at(-1)!,
    };
    for (const [pool, pooled] of Object.entries(pools)) {
      const found = ROWS.map((_, row) =>
        pooled(Array.from({ length: PROMPTS[row]! }, (_unused, i) => scoreAt(row, i))),
      );
      const threshold = (found[0]! + found[1]!) / 2;
      const set = setOf({
        kind: "ablate",
        site,
        when: {
          probe: { kind: "linear", site: read, direction },
          per: "prompt",
          pool: pool as "mean",
          threshold,
        },
      });
      const changed = (await run(net, [set], { capture: [site], prompts: PROMPTS }))[site]!;
      for (const row of ROWS.keys()) {
        const start = ((row + 1) * columns - ROWS[row]!.length) * D_MODEL;
        const own = changed.subarray(start, (row + 1) * columns * D_MODEL);
        const isSilent = own.every((x) => x === 0);
        expect(isSilent, `pooled by ${pool}`).toBe(found[row]! > threshold);
      }
    }
  });
});

test("another strength, vector or mask is the same graph", () => {
  const net = nets["gpt2"]!;
  const places = placesOf(net.tokens(ROWS));
  const graph = (set: InterventionSet, strength: number): string => {
    const plan = planInterventions([set], options(net));
    const edit = Object.fromEntries(plan.edits(plan.inputs(places, { strength })));
    return printGraph(collect([net.trace(ROWS, { edit }).logits]));
  };
  const probe = { kind: "linear", site: "blocks.0.resid_pre", direction: vector(1) } as const;
  const one = setOf(
    { kind: "add", site: "blocks.0.resid_post", vector: vector(1), when: { probe, release: -2 } },
    { kind: "clamp", site: "blocks.*.mlp_out", direction: vector(2), max: 3 },
  );
  const other = setOf(
    {
      kind: "add",
      site: "blocks.0.resid_post",
      vector: vector(5),
      scale: -4,
      at: { phase: "generated" },
      when: { probe: { ...probe, threshold: 5 }, release: 1 },
    },
    {
      kind: "clamp",
      site: "blocks.*.mlp_out",
      direction: vector(6),
      min: -1,
      at: { positions: [2] },
    },
  );
  expect(graph(other, 0.5)).toBe(graph(one, 1));
});

test("one intervention is an edit of its own", async () => {
  const net = nets["gpt2"]!;
  const site = "blocks.1.resid_pre";
  const given: InterventionInput = {
    kind: "add",
    site,
    vector: vector(7),
    at: { positions: [-1] },
  };
  const edit = { [site]: editOf(given, { places: placesOf(net.tokens(ROWS)) }) };
  const own = await (await net.run(ROWS, { edit })).logits.numbers();
  const planned = await run(net, [interventionSet({ interventions: [given] })]);
  expect(maxDifference(own, planned["logits"]!)).toBe(0);
});

test("an intervention at attention patterns acts on the positions that look", async () => {
  const net = nets["llama"]!;
  const site = "blocks.0.attn.pattern";
  const set = setOf({ kind: "scale", site, gain: 0, at: { positions: [2] } });
  const rows = [ROWS[0]!];
  const plain = (await run(net, [], { rows, capture: [site] }))[site]!;
  const changed = (await run(net, [set], { rows, capture: [site] }))[site]!;
  const pos = rows[0]!.length;
  for (const [i, x] of changed.entries()) {
    const query = Math.floor(i / pos) % pos;
    expect(x).toBe(query === 2 ? 0 : plain[i]);
  }
});

test("a set that says error is refused where a pattern and a name meet at one site", () => {
  const set = interventionSet({
    conflict: "error",
    interventions: [
      { kind: "ablate", site: "blocks.*.mlp_out" },
      { kind: "scale", site: "blocks.1.mlp_out", gain: 2 },
    ],
  });
  expect(() => planInterventions([set], options(nets["gpt2"]!)))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: "blocks.1.mlp_out" is changed by "ablate" at "blocks.*.mlp_out" and by "scale" at "blocks.1.mlp_out", and the set says conflict: "error".
      fix: take one of them out, or say conflict: "compose" to apply them in their order.]
  `);
});

test("two sets share a site unless one of them says error", () => {
  const one = setOf({ kind: "ablate", site: "blocks.0.mlp_out" });
  const strict = interventionSet({ ...one, conflict: "error" });
  const plan = options(nets["gpt2"]!);
  expect(planInterventions([one, one], plan).sites).toEqual(["blocks.0.mlp_out"]);
  expect(() => planInterventions([one, strict], plan)).toThrow(/conflict: "error"/);
});

test("a direction of another width is refused with both shapes", () => {
  const set = setOf({ kind: "add", site: "blocks.0.resid_post", vector: vector(1, 12) });
  expect(() => planInterventions([set], options(nets["gpt2"]!)))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: "add" takes numbers of shape [12], which do not fit "blocks.0.resid_post", [batch, pos, 16].
      fix: use an intervention that was made for this site of a network of this size.]
  `);
});

test("a condition that reads a later site is refused", async () => {
  const net = nets["gpt2"]!;
  const probe = { kind: "linear", site: "blocks.1.resid_post", direction: vector(1) } as const;
  const set = setOf({ kind: "ablate", site: "blocks.0.mlp_out", when: { probe } });
  await expect(run(net, [set])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: the condition at "blocks.0.mlp_out" reads "blocks.1.resid_post", which is not computed before it.
      fix: let its probe read a site of this block or of an earlier one.]
  `);
});

test("a probe of another width is refused", async () => {
  const net = nets["gpt2"]!;
  const probe = { kind: "linear", site: "blocks.0.resid_pre", direction: vector(1, 3) } as const;
  const set = setOf({ kind: "ablate", site: "blocks.0.mlp_out", when: { probe } });
  await expect(run(net, [set])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: interventions: the probe at "blocks.0.resid_pre" takes [batch, pos, 3], but the site is [2, 6, 16].]`,
  );
});

test("interventions for three rows are refused in a batch of two", async () => {
  const set = setOf({ kind: "ablate", site: "blocks.0.mlp_out" });
  await expect(run(nets["gpt2"]!, [[set], [], []])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: interventions were planned for 3 rows, but the batch has 2.
      fix: give a list of sets for each row, or one for all.]
  `);
});

test.each([[Number.NaN], [[1]], [[1, Infinity]]])(
  "a strength of %j is refused",
  async (strength) => {
    const set = setOf({ kind: "ablate", site: "blocks.0.mlp_out" });
    await expect(run(nets["gpt2"]!, [set], { strength })).rejects.toThrow(
      /^interventions: strength is/,
    );
  },
);

test("a plan counts the places that each intervention touches", () => {
  const net = nets["gpt2"]!;
  const set = setOf(
    { kind: "ablate", site: "blocks.0.mlp_out", at: { phase: "generated" } },
    { kind: "ablate", site: "blocks.*.mlp_out", at: { positions: [77] } },
  );
  const plan = planInterventions([set], options(net));
  expect(plan.touched(placesOf(net.tokens(ROWS), PROMPTS))).toEqual([
    [2, 0],
    [1, 0],
  ]);
});
