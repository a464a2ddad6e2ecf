import { expect, test } from "vitest";

import { interventionSet } from "./intervention-set.ts";
import { fromPyvene, toPyvene } from "./pyvene.ts";

const set = interventionSet({
  interventions: [
    { kind: "add", site: "blocks.2.resid_post", vector: [1, -2], scale: 0.5 },
    { kind: "replace", site: "blocks.0.mlp_out", value: [3] },
    { kind: "ablate", site: "blocks.1.attn_out" },
    { kind: "ablate", site: "blocks.1.resid_pre" },
  ],
});

test("what pyvene has words for comes back the same, with scales multiplied in", () => {
  const [, ...others] = set.interventions;
  expect(fromPyvene(JSON.parse(JSON.stringify(toPyvene(set))))).toEqual(
    interventionSet({
      interventions: [{ kind: "add", site: "blocks.2.resid_post", vector: [0.5, -1] }, ...others],
    }),
  );
});

test("the config has pyvene's words", () => {
  expect(toPyvene(set).representations[0]).toEqual({
    layer: 2,
    component: "block_output",
    unit: "pos",
    intervention_type: "AdditionIntervention",
    source_representation: [0.5, -1],
  });
});

test("a type may be written as Python prints it, and a subtraction is an addition of -1 times", () => {
  const intervention_type = "<class 'pyvene.models.interventions.SubtractionIntervention'>";
  const { interventions } = fromPyvene({
    representations: [
      { layer: 0, component: "mlp_output", intervention_type, source_representation: [1, 2] },
    ],
  });
  expect(interventions[0]).toMatchObject({ kind: "add", site: "blocks.0.mlp_out", scale: -1 });
});

test.each([
  ["a component without a site", { component: "head_query_output" }],
  ["a trained type", { intervention_type: "RotatedSpaceIntervention" }],
  ["no source", { source_representation: null }],
])("%s cannot be converted", (_, change) => {
  const one = {
    layer: 0,
    component: "mlp_output",
    intervention_type: "AdditionIntervention",
    source_representation: [1],
    ...change,
  };
  expect(() => fromPyvene({ representations: [one] })).toThrowErrorMatchingSnapshot();
});

test("places are refused, since pyvene is told them when it runs", () => {
  const interventions = [
    { kind: "ablate", site: "blocks.1.mlp_out", at: { positions: [1] } } as const,
  ].map((one) => ({ ...one, at: { positions: [...one.at.positions] } }));
  expect(() => toPyvene({ interventions })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: toPyvene: "ablate" at "blocks.1.mlp_out" applies at some places or times, so it cannot be converted.
      fix: use PatchClamp's own file form, which holds every intervention.]
  `);
});

test("an unknown key is refused", () => {
  expect(() => fromPyvene({ representations: [], extra: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: fromPyvene: representations of the config is empty.]`,
  );
});
