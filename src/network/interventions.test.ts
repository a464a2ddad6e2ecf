import { expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../test/tiny.ts";
import { Rng } from "../core/rng.ts";
import { tensor } from "../runtime/index.ts";

const prompts = [
  [3, 1, 4, 1],
  [5, 9, 2, 6],
];
const site = "blocks.0.resid_post";
const vector = new Rng(3).normals(16);

test("an added direction equals the edit that adds it, at the strength that is asked for", async () => {
  const net = await tinyNetwork("llama");
  const steered = await net.run(prompts, {
    interventions: [{ kind: "add", site, vector, scale: 2 }],
    strength: 0.5,
  });
  const edited = await net.run(prompts, { edit: { [site]: (x) => x.add(tensor(vector)) } });
  const [got, want] = [await steered.logits.numbers(), await edited.logits.numbers()];
  expect(maxDifference(got, want)).toBeLessThanOrEqual(1e-5);
  const plain = await (await net.run(prompts)).logits.numbers();
  expect(maxDifference(got, plain)).toBeGreaterThan(0.01);
});

test("rows have interventions of their own, and an edit comes after them", async () => {
  const net = await tinyNetwork("gpt2");
  const ablate = { kind: "ablate", site } as const;
  const capture = [site, "logits"];
  const out = await net.run(prompts, {
    rowInterventions: [[], [ablate]],
    edit: { [site]: (x) => x.add(1) },
    capture,
  });
  const plain = await net.run(prompts, { edit: { [site]: (x) => x.add(1) }, capture });
  const [values, before] = [await out.at(site).numbers(), await plain.at(site).numbers()];
  const half = values.length / 2;
  expect(maxDifference(values.subarray(0, half), before.subarray(0, half))).toBe(0);
  expect([...new Set(values.subarray(half))]).toEqual([1]);
});

test("strength 0 changes no bit of the logits", async () => {
  const net = await tinyNetwork("gpt2");
  const interventions = [{ kind: "add", site, vector } as const];
  const still = await net.run(prompts, { interventions, strength: 0 });
  const plain = await net.run(prompts);
  expect(await still.logits.numbers()).toEqual(await plain.logits.numbers());
});

test("an intervention at a site that the network lacks is refused", async () => {
  const net = await tinyNetwork("gpt2");
  const interventions = [{ kind: "add", site: "blocks.9.resid_post", vector } as const];
  await expect(net.run(prompts, { interventions })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: tiny-gpt2 has no site "blocks.9.resid_post": its blocks are 0..1.
      fix: the nearest are "blocks.0.resid_post", "blocks.1.resid_post", "blocks.0.resid_pre"; all 36 are listed by \`patchclamp sites\`.]
  `);
});
