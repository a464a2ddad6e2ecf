import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ConditionForm, ConditionMemory, PhaseMasks } from "./condition.ts";
import { conditionGate, conditionSchema } from "./condition.ts";

/** One row: the scores of its tokens, the first `prompt` of which were given. */
interface Row {
  readonly scores: readonly number[];
  readonly prompt: number;
}

const float = (numbers: readonly number[], shape: readonly number[]): Tensor =>
  tensor(Float32Array.from(numbers), { shape });

/** The gate of the tokens from `start` up to `end`. */
async function gateOf(
  { scores, prompt }: Row,
  form: ConditionForm,
  levels: readonly [threshold: number, release: number],
  { span = [0, scores.length], memory }: { span?: [number, number]; memory?: ConditionMemory } = {},
): Promise<number[]> {
  const places = scores.map((_, i) => i).slice(...span);
  const pos = places.length;
  const bits = (holds: (place: number) => boolean): Tensor =>
    float(
      places.map((place) => Number(holds(place))),
      [1, pos],
    );
  const masks: PhaseMasks = {
    prompt: bits((place) => place < prompt),
    generated: bits((place) => place >= prompt),
    promptEnd: bits((place) => place === prompt - 1),
    end: bits((place) => place === span[1] - 1),
  };
  const times = form.per === "prompt" && form.pool === "mean" ? prompt : 1;
  const gate = conditionGate(float(scores.slice(...span), [1, pos, 1]), {
    name: "c",
    form,
    parts: { "layer0.weight": float([1], [1, 1]), "layer0.bias": float([0], [1]) },
    levels: {
      threshold: float([levels[0] * times], [1, 1]),
      release: float([levels[1] * times], [1, 1]),
    },
    masks,
    memory: memory ?? { recall: () => undefined, keep: () => undefined },
  });
  return Array.from(await gate.numbers());
}

/** Remembers from pass to pass. */
function remembering(): ConditionMemory {
  const states = new Map<string, Tensor>();
  return {
    recall: (name) => states.get(name),
    keep: (name, state) => void states.set(name, state),
  };
}

const held: ConditionForm = { per: "token", pool: "mean", negate: false, hasRelease: true };
const plain: ConditionForm = { ...held, hasRelease: false };

const rows: fc.Arbitrary<Row> = fc
  .tuple(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 9 }), fc.nat(9))
  .map(([scores, prompt]) => ({ scores, prompt: Math.max(1, prompt % (scores.length + 1)) }));

describe("a condition with a release", () => {
  test("stays on while scores are above the release, from the prompt's last token on", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        let isOn = false;
        const expected = row.scores.map((score, place) => {
          isOn = score > 1 || (place >= row.prompt && isOn && score > -1);
          return Number(isOn);
        });
        expect(await gateOf(row, held, [1, -1])).toEqual(expected);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test.each([
    held,
    plain,
    { ...plain, per: "prompt" },
    { ...plain, per: "prompt", pool: "max" },
    { ...plain, per: "prompt", pool: "last" },
  ] as const)("gives one pass over a text what a prompt and steps give: %o", async (form) => {
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        const whole = await gateOf(row, form, [1, -1]);
        const memory = remembering();
        const passes = [await gateOf(row, form, [1, -1], { span: [0, row.prompt], memory })];
        for (let place = row.prompt; place < row.scores.length; place++) {
          passes.push(await gateOf(row, form, [1, -1], { span: [place, place + 1], memory }));
        }
        const steps = passes.flat();
        // a condition on prompts gives one number for each pass
        expect(steps).toEqual(form.per === "prompt" ? steps.map(() => whole[0]) : whole);
      }),
      { seed: 4, numRuns: 40 },
    );
  });

  test("that is negated holds where it otherwise would not", async () => {
    const row = { scores: [2, 0, -2, 0], prompt: 1 };
    expect(await gateOf(row, held, [1, -1])).toEqual([1, 1, 0, 0]);
    expect(await gateOf(row, { ...held, negate: true }, [1, -1])).toEqual([0, 0, 1, 1]);
  });
});

test.each([
  ["release", { release: 2 }],
  ["release", { per: "prompt", release: -2 }],
])("a %s that cannot be is refused: %o", (path, fields) => {
  const probe = { kind: "linear", site: "embed", direction: [1], threshold: 1 };
  const { error } = conditionSchema.safeParse({ probe, ...fields });
  expect(error?.issues[0]?.path).toEqual([path]);
});
