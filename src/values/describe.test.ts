import { expect, test } from "vitest";

import { adapter } from "./adapter.ts";
import { describe as described, describeAdapter, describeSet } from "./describe.ts";
import type { InterventionInput } from "./intervention.ts";
import { intervention } from "./intervention.ts";
import { interventionSet } from "./intervention-set.ts";

const site = "blocks.3.resid_post";
const row = { encoder: [1, 0], bias: 0, decoder: [0, 1], activation: { kind: "relu" } } as const;
const probe = { kind: "linear", site: "blocks.2.resid_post", direction: [1] } as const;

test.each<[InterventionInput, string]>([
  [
    { kind: "add", site, vector: [0.5, 1.2], scale: 4, at: { phase: "generated" } },
    "adds 4 x a direction of norm 1.3 to blocks.3.resid_post at generated positions",
  ],
  [
    {
      kind: "project-out",
      site,
      basis: [
        [1, 0],
        [0, 1],
      ],
      at: { positions: [0, -1] },
    },
    "takes 2 directions out of blocks.3.resid_post at positions 0, -1",
  ],
  [
    { kind: "clamp", site, direction: [1], max: 2.5, when: { probe, threshold: 1.5 } },
    "keeps blocks.3.resid_post along a direction at most 2.5 while a probe of blocks.2.resid_post reads more than 1.5",
  ],
  [
    { kind: "clamp", site, direction: [1], min: 1, max: 1, when: { probe, release: -1 } },
    "keeps blocks.3.resid_post along a direction at 1 while a probe of blocks.2.resid_post reads more than 0, until it falls to -1",
  ],
  [
    { kind: "scale", site, gain: 0.5, at: { exclude: { positions: [0] } } },
    "multiplies blocks.3.resid_post by 0.5 but not at position 0",
  ],
  [
    { kind: "scale", site, gain: [1, 2], at: { windows: [{ from: 2, to: 5 }, { from: -3 }] } },
    "multiplies blocks.3.resid_post by 2 gains at positions from 2 up to 5 and -3 on",
  ],
  [{ kind: "affine", site, weight: [[1]] }, "maps blocks.3.resid_post by a matrix"],
  [
    { kind: "replace", site, value: [3, 4], at: { tokens: ["red", 5] } },
    'replaces blocks.3.resid_post by a value of norm 5 at the 2 tokens "red", 5',
  ],
  [
    { kind: "ablate", site, when: { probe, per: "prompt", pool: "max", negate: true } },
    "replaces blocks.3.resid_post by zero if a probe of blocks.2.resid_post reads no more than 0 as the max of the prompt",
  ],
  [{ kind: "mask", site, keep: [1, 0, 0] }, "silences 2 of 3 units of blocks.3.resid_post"],
  [
    { kind: "experts", site, on: [1], off: [2, 3], topK: 2 },
    "of the experts switches 1 on and switches 2, 3 off and uses the best 2 alone at blocks.3.resid_post",
  ],
  [
    { kind: "feature", site, dictionary: "d", index: 3, value: 2, row },
    "sets feature 3 of d to 2 at blocks.3.resid_post",
  ],
  [
    { kind: "feature", site, index: 3, value: 0, mode: "scale", row, at: { positions: [1] } },
    "multiplies feature 3 of a dictionary by 0 at blocks.3.resid_post at position 1",
  ],
  [
    { kind: "feature", site, dictionary: "d", index: 3, value: -2, mode: "add", row },
    "adds -2 to feature 3 of d at blocks.3.resid_post",
  ],
])("%o is told in words", (given, words) => {
  expect(described(intervention(given))).toBe(words);
});

test("a set is told with its network and the band of its curve", () => {
  const set = interventionSet({
    name: "calm",
    interventions: [{ kind: "scale", site, gain: 2 }],
    madeFor: { network: "stories", hash: "1", dModel: 64 },
    curve: {
      metric: "share of calm texts",
      points: [{ strength: 1, effect: 0.5 }],
      band: [0.5, 2],
      collapse: 4,
    },
  });
  expect(describeSet(set)).toMatchInlineSnapshot(`
    "calm: 1 intervention for stories (64 numbers wide)
    - multiplies blocks.3.resid_post by 2
    share of calm texts: usable at strengths 0.5 to 2, with 0.5 at strength 1, not compared with random directions; texts fall apart from strength 4 on"
  `);
});

test("an adapter is told by its rank and what it changes", () => {
  const given = adapter({
    alpha: 8,
    targets: { "a.weight": { a: [[1]], b: [[1]] } },
    note: "test",
  });
  expect(describeAdapter(given)).toMatchInlineSnapshot(
    `"adds updates of rank 1 to 1 weight matrix, scaled by 8 / rank (test)"`,
  );
});
