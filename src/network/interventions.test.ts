import { expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../test/tiny.ts";
import { Rng } from "../core/rng.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { Steering } from "./interventions.ts";

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

async function ids(
  tokens: AsyncIterable<{ readonly row: number; readonly id: number }>,
): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const { row, id } of tokens) (rows[row] ??= []).push(id);
  return rows;
}

const strong = { kind: "add", site, vector, scale: 3 } as const;

test.each(["gpt2", "llama"] as const)(
  "a %s that generates with a direction everywhere equals one with the edit that adds it",
  async (family) => {
    const net = await tinyNetwork(family);
    const options = { maxTokens: 6, stop: [] };
    const got = await ids(net.generate(prompts, { ...options, interventions: [strong] }));
    const edit = { [site]: (x: Tensor) => x.add(tensor(vector).mul(3)) };
    expect(got).toEqual(await ids(net.generate(prompts, { ...options, edit })));
    expect(got).not.toEqual(await ids(net.generate(prompts, options)));
  },
);

test("a direction at generated positions leaves the first new token alone, and takes hold after it", async () => {
  const net = await tinyNetwork("gpt2");
  const options = { maxTokens: 6, stop: [], capture: site } as const;
  const later = { ...strong, at: { phase: "generated" } } as const;
  const change = async (interventions: readonly Steering[]): Promise<number[]> => {
    const found: number[] = [];
    const plain: Float32Array[] = [];
    for await (const { activations } of net.generate([prompts[0]!], options))
      plain.push((await activations[site]!.numbers()) as Float32Array);
    let step = 0;
    for await (const { activations } of net.generate([prompts[0]!], { ...options, interventions }))
      found.push(maxDifference(await activations[site]!.numbers(), plain[step++]!));
    return found;
  };
  const [first, second] = await change([later]);
  expect(first).toBe(0);
  expect(second).toBeGreaterThan(0.1);
  const [before, after] = await change([{ ...strong, at: { phase: "prompt" } }]);
  expect(before).toBeGreaterThan(0.1);
  expect(after).toBeDefined();
});

test("rows of a batch generate with interventions of their own what they generate alone", async () => {
  const net = await tinyNetwork("llama");
  const options = { maxTokens: 5, stop: [] };
  const rowInterventions = [[strong], [{ kind: "ablate", site: "blocks.1.mlp_out" } as const]];
  const together = await ids(net.generate(prompts, { ...options, rowInterventions }));
  for (const [row, prompt] of prompts.entries()) {
    const interventions = rowInterventions[row]!;
    const [alone] = await ids(net.generate([prompt], { ...options, interventions }));
    expect(together[row]).toEqual(alone);
  }
});

test("several continuations share interventions, but have none of their own", async () => {
  const net = await tinyNetwork("gpt2");
  const options = { maxTokens: 4, stop: [], temperature: 1 };
  const interventions = [strong];
  const many = await ids(net.generate(prompts, { ...options, count: 2, interventions }));
  const twice = prompts.flatMap((prompt) => [prompt, prompt]);
  expect(many).toEqual(await ids(net.generate(twice, { ...options, interventions })));
  const own = net.generate(prompts, { count: 2, rowInterventions: [[strong], []] });
  await expect(own.next()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: generate: rows with interventions or strengths of their own cannot have 2 continuations each.
      fix: repeat the prompts, with the interventions of each.]
  `);
});
