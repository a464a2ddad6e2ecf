import { expect, test } from "vitest";

import { measure, median } from "./harness.ts";
import type { Contest, Entry, Sample } from "./harness.ts";

const side = (value: number, result?: readonly number[]) => async (): Promise<Sample> =>
  result === undefined ? { value } : { value, result };

const entry = (contest: Partial<Contest>, target = 1): Entry => ({
  name: "demo",
  unit: "ms",
  bar: "as fast",
  target,
  rounds: 1,
  seconds: 0,
  prepare: async () => ({ ours: side(2), peerName: "other", ...contest }),
});

const row = (of: Entry) => measure(of, "a machine", () => 0.5);

test("a ratio above 1 means that ours is better", async () => {
  expect(await row(entry({ peer: side(6) }))).toMatchObject({
    ours: 2,
    peer: 6,
    ratio: 3,
    holds: true,
  });
  expect(await row(entry({ peer: side(1) }))).toMatchObject({ ratio: 0.5, holds: false });
});

test("of speeds, the larger is better", async () => {
  const speed: Entry = { ...entry({ peer: side(8) }), unit: "tokens/s" };
  expect(await row(speed)).toMatchObject({ ours: 2, peer: 8, ratio: 0.25, holds: false });
});

test("a bar below equality is met by a slower time", async () => {
  expect(await row(entry({ ours: side(1.1), peer: side(1) }, 1 / 1.11))).toMatchObject({
    holds: true,
  });
});

test("sides whose results differ have no ratio", async () => {
  const contest = { ours: side(2, [1, 2]), peer: side(6, [1, 2.1]) };
  expect(await row(entry(contest))).toMatchObject({
    ours: 2,
    peer: 6,
    ratio: null,
    holds: null,
    difference: 0.048,
    note: "the results differ by 0.048, more than 0.001, so the work is not the same",
  });
});

test("results of unequal length are not the same work", async () => {
  const contest = { ours: side(2, [1]), peer: side(6, [1, 2]) };
  expect(await row(entry(contest))).toMatchObject({ ratio: null });
});

test("without a peer ours is kept and the reason is given", async () => {
  const found = await row(entry({ note: "other is not set up" }));
  expect(found).toMatchObject({ ours: 2, peer: null, ratio: null, note: "other is not set up" });
});

test("a second condition can fail an entry whose ratio is met", async () => {
  expect(await row(entry({ peer: side(6), alsoHolds: false }))).toMatchObject({
    ratio: 3,
    holds: false,
  });
});

test("an entry that cannot be prepared says why", async () => {
  const broken: Entry = { ...entry({}), prepare: () => Promise.reject(new Error("no such file")) };
  expect(await row(broken)).toMatchObject({
    ours: null,
    ratio: null,
    note: "not measured: no such file",
  });
});

test("the median of an even number of values lies between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
});
