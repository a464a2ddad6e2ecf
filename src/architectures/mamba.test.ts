import { describe, expect, test } from "vitest";

import { readGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Edits } from "../network/network.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { mambaFamily } from "./mamba.ts";
import { mamba2Family } from "./mamba2.ts";

// float32 sums of some tens of terms of order 1
const TOLERANCE = 1e-4;
const POS = 12;
const prompt = Array.from({ length: POS }, (_, i) => (i * 7 + 3) % 101);

async function open(name: string): Promise<LanguageNetwork> {
  return openNetwork((await readGolden(name)).files, { check: false });
}

/** A site as [pos][numbers of a position]. */
async function site(net: LanguageNetwork, name: string, edit: Edits = {}): Promise<number[][]> {
  const found = (await net.run(prompt, { capture: name, edit })).at(name);
  const data = Array.from(await found.numbers());
  const size = data.length / POS;
  return Array.from({ length: POS }, (_, pos) => data.slice(pos * size, (pos + 1) * size));
}

/** A mask for [batch, pos, ...]: 1 at one position, 0 elsewhere. */
function only(at: number, x: Tensor): Tensor {
  const mask = Float32Array.from({ length: POS }, (_, pos) => Number(pos === at));
  return tensor(mask).reshape([1, POS, ...x.shape.slice(2).map(() => 1)]);
}

/** Positions at which two recordings differ. */
function changed(a: readonly number[][], b: readonly number[][]): number[] {
  return a.flatMap((row, pos) => (maxDifference(row, b[pos]!) > TOLERANCE ? [pos] : []));
}

const from = (start: number): number[] => Array.from({ length: POS - start }, (_, i) => start + i);

test.each([
  ["mamba", mambaFamily],
  ["mamba2", mamba2Family],
])("a site that %s is said to lack is none of its sites", async (name, family) => {
  const names = (await open(name)).sites().map((each) => each.name.replace(/^blocks\.\d+\./, ""));
  expect(Object.keys(family.absent).filter((own) => names.includes(own))).toEqual([]);
});

describe.each(["mamba", "mamba2", "mamba2-groups"])("%s", (name) => {
  test("an edit of what enters the state is seen from its position on", async () => {
    const net = await open(name);
    const edit: Edits = { "blocks.0.ssm.x": (x) => x.add(only(5, x)) };
    const site0 = "blocks.0.ssm.y";
    expect(changed(await site(net, site0), await site(net, site0, edit))).toEqual(from(5));
  });

  test("an edit of the state changes what is read there, not the states that follow", async () => {
    const net = await open(name);
    const at = "blocks.0.ssm.state";
    const edit: Edits = { [at]: (x) => x.sub(x.mul(only(5, x))) };
    expect(changed(await site(net, at), await site(net, at, edit))).toEqual([5]);
    const read = "blocks.0.ssm.y";
    expect(changed(await site(net, read), await site(net, read, edit))).toEqual([5]);
  });

  test("a step of size 0 leaves the state as it was", async () => {
    const net = await open(name);
    const edit: Edits = { "blocks.0.ssm.dt": (x) => x.sub(x.mul(only(5, x))) };
    const states = await site(net, "blocks.0.ssm.state", edit);
    expect(maxDifference(states[5]!, states[4]!)).toBe(0);
    expect(maxDifference(states[6]!, states[5]!)).toBeGreaterThan(0.01);
  });

  test("padding on the right leaves the state as it was", async () => {
    const net = await open(name);
    const prompts = [prompt.slice(0, 4), prompt];
    const at = "blocks.1.ssm.state";
    const states = (await net.run({ prompts, padding: "right" }, { capture: at })).at(at);
    const row = states.slice({ axis: 0, end: 1 });
    const last = row.slice({ axis: 1, start: 3, end: 4 });
    const padding = row.slice({ axis: 1, start: 4 });
    expect(await padding.sub(last).abs().max().item()).toBe(0);
  });

  test("edited generation with the state gives the tokens of full passes", async () => {
    const net = await open(name);
    const edit: Edits = {
      "blocks.0.ssm.state": (x) => x.mul(0.5),
      "blocks.1.ssm.conv_in": (x) => x.add(0.1),
    };
    const ids = [...prompt];
    for (let i = 0; i < 8; i++) {
      const { logits } = await net.run(ids, { edit });
      const last = logits.slice({ axis: 1, start: -1 }).argmax({ axis: -1 });
      ids.push(await last.item());
    }
    const made: number[] = [];
    for await (const { id } of net.generate(prompt, { edit, maxTokens: 8, stop: [] }))
      made.push(id);
    expect(made).toEqual(ids.slice(POS));
  });
});

test("a state space has no limit of length of its own", async () => {
  const net = await open("mamba2");
  const ids = Array.from({ length: 300 }, (_, i) => i % 101);
  const { logits } = await net.run(ids);
  expect(Number.isFinite(await logits.abs().max().item())).toBe(true);
});
