import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { tensor } from "../runtime/index.ts";
import { normOf } from "./directions.ts";
import type { InterventionInput } from "./intervention.ts";
import { editOf } from "./plan.ts";

const WIDTH = 6;
const POS = 4;
const rng = new Rng(8);
const values = rng.normals(POS * WIDTH);
const direction = rng.normals(WIDTH);
const places = {
  ids: [[1, 2, 3, 4]],
  positions: [[0, 1, 2, 3]],
  promptLengths: [POS],
};

/** What an intervention makes of the values, row by row. */
async function changed(
  given: InterventionInput,
  { strength = 1, shape = [1, POS, WIDTH] }: { strength?: number; shape?: number[] } = {},
): Promise<number[][]> {
  const x = tensor(values, { shape });
  const edited = editOf(given, { places, strength })(x, { site: given.site, sites: new Map() });
  const data = await edited.numbers();
  return Array.from({ length: POS }, (_, i) =>
    Array.from(data.subarray(i * WIDTH, (i + 1) * WIDTH)),
  );
}

const rows = Array.from({ length: POS }, (_, i) =>
  Array.from(values.subarray(i * WIDTH, (i + 1) * WIDTH)),
);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);
const site = "blocks.0.resid_post";

/** Equal up to float32 rounding of numbers of order 1 to 10. */
function expectClose(found: readonly number[][], expected: readonly number[][]): void {
  for (const [i, x] of found.flat().entries()) expect(x).toBeCloseTo(expected.flat()[i]!, 4);
}

test("project-out leaves nothing along any direction of its basis, and what is orthogonal as it was", async () => {
  const basis = [
    Array.from(direction),
    Array.from(rng.normals(WIDTH)),
    Array.from(direction, (x) => -2 * x),
  ];
  const left = await changed({ kind: "project-out", site, basis });
  for (const [i, row] of left.entries()) {
    for (const one of basis) expect(dot(row, one)).toBeCloseTo(0, 4);
    // of all vectors without a part in the span, it is the nearest: the difference lies in the span
    const removed = rows[i]!.map((x, j) => x - row[j]!);
    expect(dot(removed, row)).toBeCloseTo(0, 4);
  }
  expectClose(
    await changed({ kind: "project-out", site, basis: left.map((row) => row).slice(0, 1) }),
    await changed({ kind: "project-out", site, basis: left[0]! }),
  );
});

test("clamp keeps the component along a direction of any length within its range, and the rest as it was", async () => {
  const norm = normOf(direction);
  const long = direction.map((x) => 5 * x);
  const found = await changed({ kind: "clamp", site, direction: long, min: -0.2, max: 0.1 });
  for (const [i, row] of found.entries()) {
    const before = dot(rows[i]!, direction) / norm;
    expect(dot(row, direction) / norm).toBeCloseTo(Math.min(0.1, Math.max(-0.2, before)), 5);
    const moved = row.map((x, j) => x - rows[i]![j]!);
    expect(Math.abs(dot(moved, direction)) / norm).toBeCloseTo(normOf(moved), 5);
  }
});

test("scale multiplies by one number or by one for each unit", async () => {
  expectClose(
    await changed({ kind: "scale", site, gain: -2 }),
    rows.map((row) => row.map((x) => -2 * x)),
  );
  expectClose(
    await changed({ kind: "scale", site, gain: direction }),
    rows.map((row) => row.map((x, j) => x * direction[j]!)),
  );
});

test("affine maps by weight and bias", async () => {
  const weight = Array.from({ length: WIDTH }, () => Array.from(rng.normals(WIDTH)));
  const found = await changed({ kind: "affine", site, weight, bias: direction });
  expectClose(
    found,
    rows.map((row) => weight.map((w, out) => dot(w, row) + direction[out]!)),
  );
});

test("replace and ablate leave nothing of what was there", async () => {
  const same = rows.map(() => Array.from(direction));
  expect(await changed({ kind: "replace", site, value: direction })).toEqual(same);
  expect(await changed({ kind: "ablate", site, mean: direction })).toEqual(same);
  expect((await changed({ kind: "ablate", site })).flat().every((x) => x === 0)).toBe(true);
});

test("mask keeps what it names exactly and silences the rest, units or heads", async () => {
  const keep = [1, 0, 1, 1, 0, 0];
  const expected = rows.map((row) => row.map((x, j) => (keep[j] === 1 ? x : 0)));
  expect(await changed({ kind: "mask", site, keep }).then(positive)).toEqual(positive(expected));
  const heads = await changed(
    { kind: "mask", site: "blocks.0.attn.z", keep: [[0], [1]] },
    { shape: [1, POS, 2, WIDTH / 2] },
  );
  const second = rows.map((row) => row.map((x, j) => (j >= WIDTH / 2 ? x : 0)));
  expect(positive(heads)).toEqual(positive(second));
});

/** Without negative zeros. */
function positive(numbers: readonly number[][]): number[][] {
  return numbers.map((row) => row.map((x) => x + 0));
}

test("experts that are off never win, those that are on always, and topK leaves so many", async () => {
  const found = await changed({
    kind: "experts",
    site: "blocks.0.moe.router_logits",
    on: [4],
    off: [1],
    topK: 3,
  });
  for (const [i, row] of found.entries()) {
    const order = [0, 2, 3, 5].toSorted((a, b) => rows[i]![b]! - rows[i]![a]!);
    const chosen = [4, ...order.slice(0, 2)].toSorted((a, b) => a - b);
    expect(row.flatMap((x, j) => (x > -1e20 ? [j] : []))).toEqual(chosen);
    expect(row.indexOf(Math.max(...row))).toBe(4);
  }
});

test("an expert that does not exist is refused", () => {
  const one = { kind: "experts", site: "blocks.0.moe.router_logits", off: [6] } as const;
  const x = tensor(values, { shape: [1, POS, WIDTH] });
  const edit = editOf({ ...one, off: [...one.off] }, { places });
  expect(() => edit(x, { site: one.site, sites: new Map() })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: interventions: there are 6 experts, 0..5, and no expert 6.]`,
  );
});

test("half the strength goes half of the way", async () => {
  const kinds: InterventionInput[] = [
    { kind: "add", site, vector: direction, scale: 3 },
    { kind: "project-out", site, basis: direction },
    { kind: "clamp", site, direction, min: 4 },
    { kind: "scale", site, gain: 3 },
    { kind: "replace", site, value: direction },
    { kind: "mask", site, keep: [0, 0, 1, 1, 1, 1] },
  ];
  for (const kind of kinds) {
    const whole = await changed(kind);
    const half = await changed(kind, { strength: 0.5 });
    expectClose(
      half,
      whole.map((row, i) => row.map((x, j) => (x + rows[i]![j]!) / 2)),
    );
  }
});

test("a site without positions of tokens is refused", () => {
  const x = tensor(values, { shape: [1, POS, WIDTH] });
  const edit = editOf({ kind: "ablate", site }, { places, axes: ["batch", "channel", "time"] });
  expect(() => edit(x, { site, sites: new Map() })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: "blocks.0.resid_post" is [batch, channel, time], which has no axis of token positions.
      fix: change a site whose axes begin with batch and pos; net.sites() lists them.]
  `);
});
