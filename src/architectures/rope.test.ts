import { describe, expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import type { Revision } from "../network/prompt.ts";
import { ones, tensor } from "../runtime/index.ts";
import type { Rope, RopeScaling } from "./rope-config.ts";
import { ropeAngles, ropeRates, ropeTurn } from "./rope.ts";

const theta = 10000;
const plain = [1, 0.1, 0.01, 0.001];

const rope = (scaling: RopeScaling | null): Rope => ({ theta, dim: 8, scaling, context: 1000 });
const rates = (scaling: RopeScaling | null): number[] => Array.from(ropeRates(rope(scaling)).rates);

/** Frequencies in texts of one length a row. */
async function ratesAt(scaling: RopeScaling, lengths: readonly number[]): Promise<number[]> {
  const rows = tensor(lengths.map((length) => [length]));
  return Array.from(await ropeRates(rope(scaling)).atLength!(rows).numbers());
}

// float32 of numbers up to 1
const EXACT = 1e-7;

describe("frequencies", () => {
  test("pair i turns by theta to the power of -2 i / dim a position", () => {
    expect(maxDifference(rates(null), plain)).toBeLessThanOrEqual(EXACT);
  });

  test("an odd number of numbers counts its last one as a pair", () => {
    expect(ropeRates({ ...rope(null), dim: 5 }).rates).toHaveLength(3);
  });

  test("linear scaling divides every one", () => {
    const found = rates({ kind: "linear", factor: 4 });
    expect(maxDifference(found, [0.25, 0.025, 0.0025, 0.00025])).toBeLessThanOrEqual(EXACT);
  });

  test("llama3 keeps fast ones, divides slow ones and blends between", () => {
    const found = rates({
      kind: "llama3",
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalContext: 128,
    });
    // 20 turns in 128 positions, 2.04, 0.2 and 0.02
    const share = (12.8 / (2 * Math.PI) - 1) / 3;
    const blended = share * 0.1 + ((1 - share) * 0.1) / 8;
    expect(maxDifference(found, [1, blended, 0.01 / 8, 0.001 / 8])).toBeLessThanOrEqual(EXACT);
  });

  test("yarn keeps the first pairs, divides the last ones, and blends by the index of the pair", () => {
    const yarn = {
      kind: "yarn",
      factor: 4,
      originalContext: 64,
      // what pairs 0 and 2 turn in 64 positions
      betaFast: 64 / (2 * Math.PI),
      betaSlow: 0.64 / (2 * Math.PI),
      isTruncated: false,
      gain: 1,
    } as const;
    // 0 for pair 0 and 1 for pair 2
    const want = [1, 0.5 * 0.1 + (0.5 * 0.1) / 4, 0.01 / 4, 0.001 / 4];
    expect(maxDifference(rates(yarn), want)).toBeLessThanOrEqual(EXACT);
    // bounds of 0.3 and 1.9 pairs are rounded to 0 and 2, or kept
    const between = {
      ...yarn,
      betaFast: yarn.betaFast * 10 ** -0.3,
      betaSlow: yarn.betaSlow * 10 ** 0.1,
    };
    expect(maxDifference(rates({ ...between, isTruncated: true }), want)).toBeLessThanOrEqual(
      EXACT,
    );
    const part = 0.7 / 1.6;
    const kept = [1, (1 - part) * 0.1 + (part * 0.1) / 4, 0.01 / 4, 0.001 / 4];
    expect(maxDifference(rates(between), kept)).toBeLessThanOrEqual(EXACT);
  });

  test("longrope divides by other factors beyond the original context, row by row", async () => {
    const scaling = {
      kind: "longrope",
      originalContext: 12,
      shortFactors: [1, 2, 1, 1],
      longFactors: [2, 4, 8, 16],
      gain: 1.5,
    } as const;
    const short = [1, 0.05, 0.01, 0.001];
    const long = [0.5, 0.025, 0.00125, 0.0000625];
    expect(maxDifference(rates(scaling), short)).toBeLessThanOrEqual(EXACT);
    const found = await ratesAt(scaling, [12, 13]);
    expect(maxDifference(found, [...short, ...long])).toBeLessThanOrEqual(EXACT);
  });

  test("dynamic scaling raises theta with the length beyond the original context", async () => {
    const scaling = { kind: "dynamic", factor: 2, originalContext: 16 } as const;
    const at = (length: number): number[] => {
      const stretched = theta * ((2 * length) / 16 - 1) ** (8 / 6);
      return plain.map((_, i) => stretched ** (-i / 4));
    };
    const found = await ratesAt(scaling, [3, 16, 20, 32]);
    expect(maxDifference(found, [...plain, ...plain, ...at(20), ...at(32)])).toBeLessThanOrEqual(
      EXACT,
    );
  });

  test("dynamic scaling of a single pair leaves it", async () => {
    const one = { ...rope({ kind: "dynamic", factor: 2, originalContext: 4 }), dim: 2 };
    expect(await ropeRates(one).atLength!(tensor([[40]])).item()).toBe(1);
  });
});

describe("turning", () => {
  const long = {
    kind: "longrope",
    originalContext: 3,
    shortFactors: [1, 1, 1, 1],
    longFactors: [10, 10, 10, 10],
    gain: 2,
  } as const;

  test("angles of a row depend on the length of that row, and are scaled by the gain", async () => {
    const positions = tensor(
      [
        [0, 1, 2, 2],
        [0, 1, 2, 3],
      ],
      { dtype: "int32" },
    );
    const { cos, sin } = ropeAngles(positions, rope(long));
    expect(cos.shape).toEqual([2, 4, 1, 4]);
    const [cosines, sines] = await Promise.all([cos.numbers(), sin.numbers()]);
    // position 2 of the short row and of the long one, pair 0
    expect(
      maxDifference([cosines[8]!, cosines[24]!], [2 * Math.cos(2), 2 * Math.cos(0.2)]),
    ).toBeLessThanOrEqual(1e-6);
    expect(
      maxDifference([sines[8]!, sines[24]!], [2 * Math.sin(2), 2 * Math.sin(0.2)]),
    ).toBeLessThanOrEqual(1e-6);
  });

  test("numbers beyond the part that turns stay as they are", async () => {
    const positions = tensor([[0, 5]], { dtype: "int32" });
    const turned = ropeTurn({ positions }, { ...rope(null), dim: 4 })(ones([1, 2, 1, 6]));
    const found = await turned.numbers();
    expect([found[10], found[11]]).toEqual([1, 1]);
    expect(found[6]).not.toBe(1);
  });

  test("a cache hears when nothing of it can be kept", () => {
    const heard = (scaling: RopeScaling | null): Revision[] => {
      const found: Revision[] = [];
      const cache = {
        past: () => undefined,
        store: () => undefined,
        state: () => undefined,
        keep: () => undefined,
        revise: (revision: Revision) => void found.push(revision),
      };
      ropeTurn({ positions: tensor([[0]], { dtype: "int32" }), cache }, rope(scaling));
      return found;
    };
    expect(heard(long)).toEqual([{ beyond: 3, isEvery: false }]);
    expect(heard({ kind: "dynamic", factor: 2, originalContext: 5 })).toEqual([
      { beyond: 5, isEvery: true },
    ]);
    expect(heard({ kind: "linear", factor: 2 })).toEqual([]);
    expect(heard(null)).toEqual([]);
  });
});
