import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isPenalised, penalise } from "./penalties.ts";
import type { Penalties } from "./penalties.ts";

const SIZE = 12;
const ids = fc.array(fc.nat({ max: SIZE - 1 }), { maxLength: 20 });
const number = fc.integer({ min: -300, max: 300 }).map((n) => n / 100);
const penalties = fc.record({
  logitBias: fc
    .array(fc.tuple(fc.nat({ max: SIZE - 1 }), number), { maxLength: 4 })
    .map((pairs) => new Map(pairs)),
  repetitionPenalty: fc.integer({ min: 1, max: 300 }).map((n) => n / 100),
  frequencyPenalty: number,
  presencePenalty: number,
});

interface Given {
  readonly logitBias: ReadonlyMap<number, number>;
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
}

/** One token's logit, by the formulas. */
function expected(
  logit: number,
  { id, prompt, written }: { id: number; prompt: number[]; written: number[] },
  { logitBias, repetitionPenalty, frequencyPenalty, presencePenalty }: Given,
): number {
  let l = logit + (logitBias.get(id) ?? 0);
  if (prompt.includes(id) || written.includes(id)) {
    l = l > 0 ? l / repetitionPenalty : l * repetitionPenalty;
  }
  const n = written.filter((other) => other === id).length;
  return l - n * frequencyPenalty - (n > 0 ? presencePenalty : 0);
}

test("logits change as the formulas say", () => {
  fc.assert(
    fc.property(
      fc.array(number, { minLength: SIZE, maxLength: SIZE }),
      ids,
      ids,
      penalties,
      (given, prompt, written, how) => {
        const logits = Float32Array.from(given);
        penalise(logits, { prompt, written }, how);
        for (const [id, logit] of given.entries()) {
          const wanted = expected(logit, { id, prompt, written }, how);
          // float32 after three steps, values of at most about 70
          expect(Math.abs(logits[id]! - wanted)).toBeLessThanOrEqual(3e-5);
        }
      },
    ),
    { seed: 5 },
  );
});

test("penalties at their defaults change nothing and say so", () => {
  const none = { repetitionPenalty: 1, frequencyPenalty: 0, presencePenalty: 0 };
  expect(isPenalised({ ...none, logitBias: new Map() })).toBe(false);
  expect(isPenalised({})).toBe(false);
  const logits = Float32Array.of(1, -2, 3);
  penalise(logits, { prompt: [0, 1], written: [1, 1] }, none);
  expect(logits).toEqual(Float32Array.of(1, -2, 3));
});

test.each<[Penalties]>([
  [{ logitBias: new Map([[0, 1]]) }],
  [{ repetitionPenalty: 1.1 }],
  [{ frequencyPenalty: -0.1 }],
  [{ presencePenalty: 0.1 }],
])("%o is a penalty", (given) => {
  expect(isPenalised(given)).toBe(true);
});
