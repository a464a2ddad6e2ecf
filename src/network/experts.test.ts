import { expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { expertCounts, switchExperts } from "./experts.ts";
import { mapTree } from "../core/tree.ts";
import { LanguageNetwork } from "./language.ts";

const prompt = [2, 60, 28, 71, 17, 93];
const families = ["mixtral", "qwen3-moe", "olmoe", "deepseek-v2", "deepseek-v3", "gpt-oss"];

async function open(family: string): Promise<LanguageNetwork> {
  const { files } = await readGolden(family);
  return openNetwork(files, { check: false });
}

test.each(families)(
  "in %s an expert that is off is used by no token, and the counts say so",
  async (family) => {
    const net = await open(family);
    const site = "blocks.1.moe.router_logits";
    const before = await expertCounts(await net.run(prompt, { capture: "blocks.1.moe.experts" }), {
      block: 1,
    });
    const busiest = before.indexOf(Math.max(...before));
    const edit = { [site]: switchExperts({ off: [busiest] }) };
    const after = await expertCounts(await net.run(prompt, { capture: "blocks.1.moe.*", edit }), {
      block: 1,
    });
    const total = (counts: number[]): number => counts.reduce((sum, count) => sum + count, 0);
    expect(before[busiest]).toBeGreaterThan(0);
    expect(after[busiest]).toBe(0);
    expect(total(after)).toBe(total(before));
  },
);

test.each(families)(
  "in %s an expert that is on is used by every token, as its best",
  async (family) => {
    const net = await open(family);
    const before = await expertCounts(await net.run(prompt), { block: 1 });
    const idlest = before.indexOf(Math.min(...before));
    const edit = { "blocks.1.moe.router_logits": switchExperts({ on: [idlest] }) };
    const pass = await net.run(prompt, { capture: ["blocks.1.moe.*", "logits"], edit });
    const after = await expertCounts(pass, { block: 1 });
    expect(before[idlest]).toBeLessThan(prompt.length);
    expect(after[idlest]).toBe(prompt.length);
    expect((await pass.logits.numbers()).every(Number.isFinite)).toBe(true);
    const [weights, k] = [
      await pass.at("blocks.1.moe.weights").numbers(),
      pass.at("blocks.1.moe.experts").shape.at(-1)!,
    ];
    for (let token = 0; token < prompt.length; token++) {
      const own = weights.slice(token * k, (token + 1) * k);
      expect(own[0]).toBeCloseTo(Math.max(...own), 5);
    }
  },
);

test("tokens that were generated count one by one, and padding does not count", async () => {
  const net = await open("mixtral");
  const rows = [prompt, prompt.slice(0, 2)];
  const alone = await Promise.all(
    rows.map(async (row) => expertCounts(await net.run(row), { block: 0 })),
  );
  const together = await expertCounts(await net.run(rows, { capture: "**" }), { block: 0 });
  expect(together).toEqual(alone[0]!.map((count, i) => count + alone[1]![i]!));
  expect(together.reduce((sum, count) => sum + count, 0)).toBe(2 * 8);
});

test("weights of an expert that no token uses may be anything: the logits are finite", async () => {
  const net = await open("mixtral");
  const run = async (isSpoilt: (expert: number) => boolean): Promise<boolean> => {
    const params = mapTree(net.params, (leaf, path) => {
      const expert = /^blocks\.1\.mlp\.experts\.(\d+)\./.exec(path)?.[1];
      return expert !== undefined && isSpoilt(Number(expert)) ? leaf.mul(Number.NaN) : leaf;
    });
    const { name, config, forward } = net;
    const spoilt = new LanguageNetwork({ name, config, forward, params });
    return (await (await spoilt.run(few)).logits.numbers()).every(Number.isFinite);
  };
  const few = prompt.slice(0, 1);
  const counts = await expertCounts(await net.run(few), { block: 1 });
  expect(counts.filter((count) => count === 0)).toHaveLength(2);
  expect(await run((expert) => counts[expert] === 0)).toBe(true);
  expect(await run((expert) => counts[expert] === 1)).toBe(false);
});

test("weights are what experts add: without them the block adds nothing", async () => {
  const net = await open("mixtral");
  const pass = await net.run(prompt, {
    capture: "blocks.0.mlp_out",
    edit: { "blocks.0.moe.weights": (x) => x.mul(0) },
  });
  expect((await pass.at("blocks.0.mlp_out").numbers()).every((value) => value === 0)).toBe(true);
});

test("numbers that are no expert, both switches at once and none at all are refused", async () => {
  const net = await open("mixtral");
  const edit = { "blocks.0.moe.router_logits": switchExperts({ off: [7] }) };
  await expect(net.run(prompt, { edit })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: switchExperts: "blocks.0.moe.router_logits" has 4 experts, 0..3, and no expert 7.]`,
  );
  expect(() => switchExperts({ on: [1], off: [1] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: switchExperts: expert 1 is to be both on and off.
      fix: name experts in on or in off, by their numbers.]
  `);
  expect(() => switchExperts({})).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: switchExperts: no expert is named, so nothing would change.
      fix: name experts in on or in off, by their numbers.]
  `);
});

test("a layer without experts has none to count, and says why", async () => {
  const net = await open("deepseek-v3");
  await expect(expertCounts(await net.run(prompt), { block: 0 })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: at: deepseek-v3 has no site "blocks.0.moe.experts": this layer has no such experts.
      fix: the nearest are "blocks.1.moe.experts", "blocks.1.moe.expert_out", "blocks.1.moe.weights"; all 47 are listed by \`patchclamp sites\`.]
  `);
});
