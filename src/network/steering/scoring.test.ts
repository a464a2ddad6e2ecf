import { expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { logProbabilities } from "./scoring.ts";
import { writtenAt } from "./writing.ts";

const site = "blocks.0.resid_post";
const vector = new Rng(3).normals(16);
const prompts = [
  [3, 1, 4],
  [5, 9, 2, 6, 5],
];

test.each(["prompt", "generated", "both"] as const)(
  "what is written with interventions at %s positions is as likely to the scorer as it was when it was written",
  async (phase) => {
    const net = await tinyNetwork("llama");
    const interventions = [{ kind: "add", site, vector, at: { phase } } as const];
    const strengths = [-1, 2];
    const doses = { interventions, strengths };
    const written = await writtenAt(net, doses, prompts, { maxTokens: 5, temperature: 0 });
    for (const [i, strength] of strengths.entries()) {
      for (const [p, given] of prompts.entries()) {
        const told: number[] = [];
        const options = { interventions, strength, maxTokens: 5, temperature: 0 };
        for await (const { logProbability } of net.generate([given], options))
          told.push(logProbability);
        const passage = { given, written: written[i]![p]!.ids };
        const scored = await logProbabilities(
          net,
          { interventions, strengths: [strength] },
          [passage],
          {},
        );
        // 1e-4: a cache and a whole pass sum in other orders
        expect(maxDifference(scored[0]![0]!, told)).toBeLessThan(1e-4);
      }
    }
  },
);

test("every text meets its own strength, however the rows are batched", async () => {
  const net = await tinyNetwork("gpt2");
  const doses = { interventions: [{ kind: "add", site, vector } as const], strengths: [-2, 0, 1] };
  const passages = prompts.map((ids) => ({ given: ids.slice(0, 2), written: ids.slice(2) }));
  const whole = await logProbabilities(net, doses, passages, { maxRows: 64 });
  for (const maxRows of [1, 2, 4]) {
    const parts = await logProbabilities(net, doses, passages, { maxRows });
    // 1e-5: other batches, other orders of float32 sums
    expect(maxDifference(parts.flat(2), whole.flat(2))).toBeLessThan(1e-5);
  }
  expect(whole[0]).not.toEqual(whole[2]);
});

test("a text draws the same random numbers at every strength, so strength 0 writes what the plain network writes", async () => {
  const net = await tinyNetwork("gpt2");
  const interventions = [{ kind: "add", site, vector } as const];
  const how = { maxTokens: 8, seed: 3 };
  const [plain] = await writtenAt(net, { interventions: [], strengths: [0] }, prompts, how);
  const steered = await writtenAt(net, { interventions, strengths: [-3, 0, 3] }, prompts, how);
  expect(steered[1]).toEqual(plain);
  expect(steered[2]).not.toEqual(plain);
  const other = await writtenAt(net, { interventions: [], strengths: [0] }, prompts, {
    ...how,
    seed: 4,
  });
  expect(other[0]).not.toEqual(plain);
});
