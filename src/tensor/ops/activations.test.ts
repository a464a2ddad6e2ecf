import { expect, test } from "vitest";

import { gradients, tensor, zeros } from "../../runtime/index.ts";

test("gelu is x times the normal distribution function", async () => {
  // Φ(1) and Φ(-2): Abramowitz & Stegun 1964, table 26.1
  const y = await tensor([0, 1, -2]).gelu().numbers();
  expect(y[0]).toBe(0);
  expect(y[1]).toBeCloseTo(0.8413447461, 6);
  expect(y[2]).toBeCloseTo(-2 * 0.0227501319, 6);
});

test("the tanh form is the formula of GPT-2", async () => {
  const xs = [-3, -1, -0.1, 0, 0.7, 2];
  const y = await tensor(xs).gelu({ approximate: "tanh" }).numbers();
  for (const [i, x] of xs.entries()) {
    const expected = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    // 1e-6: float32, a dozen operations on numbers below 3
    expect(Math.abs(y[i]! - expected)).toBeLessThan(1e-6);
  }
});

test("both forms differ by less than 5e-4, and are not the same", async () => {
  const x = tensor(Array.from({ length: 81 }, (_, i) => (i - 40) / 10));
  const gap = x
    .gelu()
    .sub(x.gelu({ approximate: "tanh" }))
    .abs()
    .max();
  expect(await gap.item()).toBeLessThan(5e-4);
  expect(await gap.item()).toBeGreaterThan(1e-4);
});

test.each(["none", "tanh"] as const)(
  "gelu (%s) has slope 1/2 at 0 and curvature 2 φ(0)",
  async (approximate) => {
    const x = tensor(0);
    const [first] = gradients(x.gelu({ approximate }), [x]);
    const [second] = gradients(first!, [x]);
    expect(await first!.item()).toBeCloseTo(0.5, 6);
    expect(await second!.item()).toBeCloseTo(2 / Math.sqrt(2 * Math.PI), 5);
  },
);

test("silu is x times its sigmoid", async () => {
  const y = await tensor([0, 2, -30]).silu().numbers();
  expect(y[0]).toBe(0);
  expect(y[1]).toBeCloseTo(2 / (1 + Math.exp(-2)), 6);
  expect(y[2]).toBeCloseTo(0, 9);
});

test("an approximation that does not exist is refused", () => {
  const approximate = "erf" as "tanh";
  expect(() => zeros([1]).gelu({ approximate })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gelu: approximate is "erf", not "none" or "tanh".]`,
  );
});

test("gelu works on float32 only", () => {
  expect(() => zeros([1], "int32").gelu({ approximate: "tanh" }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gelu: cannot work on int32; it takes float32.
      fix: cast the input, as in x.cast("float32").]
  `);
});
