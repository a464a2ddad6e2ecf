import { expect, test } from "vitest";

import { recordingTap } from "../network/tap.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { BlockLayers } from "./residual.ts";
import { normalisedAfter, parallel, parallelOnOneNorm, sequential } from "./residual.ts";

// each layer is told apart by its number
const layers: BlockLayers = {
  ln1: (x) => x.mul(2),
  attn: (x) => x.add(1),
  ln2: (x) => x.mul(3),
  mlp: (x) => x.add(10),
};

type Form = (x: Tensor, layers: BlockLayers, tap: ReturnType<typeof recordingTap>["tap"]) => Tensor;

async function sitesOf(form: Form): Promise<Record<string, number>> {
  const { tap, sites } = recordingTap();
  const out = form(tensor([5]), layers, tap);
  expect(await out.item()).toBe(await sites.get("resid_post")!.item());
  const numbers = [...sites].map(async ([name, x]) => [name, await x.item()] as const);
  return Object.fromEntries(await Promise.all(numbers));
}

test("in a sequential block the MLP reads what attention wrote", async () => {
  expect(await sitesOf(sequential)).toEqual({
    resid_pre: 5,
    attn_out: 5 * 2 + 1,
    resid_mid: 5 + 11,
    mlp_out: 16 * 3 + 10,
    resid_post: 16 + 58,
  });
});

test("in a parallel block both read the stream, each through its norm", async () => {
  expect(await sitesOf(parallel)).toEqual({
    resid_pre: 5,
    attn_out: 5 * 2 + 1,
    mlp_out: 5 * 3 + 10,
    resid_post: 5 + 11 + 25,
  });
});

test("in a parallel block on one norm the MLP reads what attention reads", async () => {
  expect(await sitesOf(parallelOnOneNorm)).toEqual({
    resid_pre: 5,
    attn_out: 5 * 2 + 1,
    mlp_out: 5 * 2 + 10,
    resid_post: 5 + 11 + 20,
  });
});

test("in a block normalised after its modules, the stream goes through the norms", async () => {
  expect(await sitesOf(normalisedAfter)).toEqual({
    resid_pre: 5,
    attn_out: 5 + 1,
    resid_mid: (5 + 6) * 2,
    mlp_out: 22 + 10,
    resid_post: (22 + 32) * 3,
  });
});
