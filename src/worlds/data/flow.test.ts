import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { integrate, step, stepJacobian } from "./flow.ts";
import type { Flow } from "./flow.ts";
import { kuramotoFlow, kuramotoSample, orderParameter } from "./kuramoto.ts";
import { lorenzFixedPoints, lorenzFlow, lorenzSample } from "./lorenz.ts";

/** x'' = -x, of which the truth is a sine. */
const spring: Flow = {
  dimension: 2,
  velocity: ([x, v]) => Float64Array.of(v!, -x!),
  jacobian: () => Float64Array.of(0, 1, -1, 0),
};

const ring = kuramotoFlow({
  frequencies: [1, 1.2, 0.7],
  pull: [0, 0.9, 0, 0.3, 0, 0.5, 1, 0, 0],
});

/** Central differences of a map, [n, n]. */
function slopes(f: (state: Float64Array) => Float64Array, at: number[], h = 1e-5): number[] {
  const columns = at.map((_, j) => {
    const moved = (by: number): Float64Array =>
      f(Float64Array.from(at, (value, k) => (k === j ? value + by : value)));
    const [up, down] = [moved(h), moved(-h)];
    return Array.from(up, (value, i) => (value - down[i]!) / (2 * h));
  });
  return at.flatMap((_, i) => columns.map((column) => column[i]!));
}

test.each([
  ["Lorenz", lorenzFlow(), [3, -4, 21]],
  ["Kuramoto", ring, [0.3, 2, 4]],
] as const)(
  "%s: the Jacobians of the flow and of a step equal finite differences",
  (_, flow, at) => {
    const exact = flow.jacobian(Float64Array.from(at));
    slopes(flow.velocity, [...at]).forEach((slope, i) => expect(exact[i]).toBeCloseTo(slope, 6));
    const map = (state: Float64Array): Float64Array => step(flow, state, 0.05);
    const exactStep = stepJacobian(flow, at, 0.05);
    slopes(map, [...at]).forEach((slope, i) => expect(exactStep[i]).toBeCloseTo(slope, 6));
  },
);

test("the integrator's error falls with the fourth power of its step", () => {
  const error = (substeps: number): number => {
    let state = Float64Array.of(0, 1);
    for (let i = 0; i < 2 * substeps; i++) state = step(spring, state, 1 / substeps);
    return Math.hypot(state[0]! - Math.sin(2), state[1]! - Math.cos(2));
  };
  expect(Math.log2(error(8) / error(16))).toBeCloseTo(4, 0);
  const states = integrate(spring, [0, 1], { length: 21, dt: 0.1, substeps: 4 });
  expect(states[40]).toBeCloseTo(Math.sin(2), 6);
});

test("noise spreads the state by its strength and the root of time", () => {
  const still: Flow = {
    dimension: 400,
    velocity: () => new Float64Array(400),
    jacobian: () => new Float64Array(160_000),
  };
  const options = { length: 2, dt: 4, substeps: 10, noise: 0.5, rng: new Rng(1) };
  const end = integrate(still, new Float64Array(400), options).subarray(400);
  const variance = end.reduce((total, x) => total + x * x, 0) / 400;
  expect(Math.abs(variance - 1)).toBeLessThan(0.29); // four standard errors, sqrt(2 / 400) each
});

test("noise without an rng is refused", () => {
  expect(() => integrate(spring, [0, 1], { length: 2, dt: 1, noise: 1 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: integrate: noise is 1, but there is no rng to draw it from.
      fix: pass an rng.]
  `);
});

test("Lorenz's flow stands still at its fixed points, and only there", () => {
  for (const point of lorenzFixedPoints()) {
    const speed = Math.hypot(...lorenzFlow().velocity(Float64Array.from(point)));
    expect(speed).toBeLessThan(1e-10);
  }
  expect(lorenzFixedPoints({ rho: 0.5 })).toEqual([[0, 0, 0]]);
});

test("Lorenz's flow shrinks volumes at the rate sigma + 1 + beta, and tears neighbours apart at 0.9", () => {
  const { states, flow } = lorenzSample(new Rng(2), { length: 8000, dt: 0.01 });
  // carries two vectors along: the first grows at the largest exponent, the Jacobian's trace is the sum of all
  let [direction, growth] = [[1, 0, 0], 0];
  for (let t = 0; t < 8000; t++) {
    const jacobian = stepJacobian(flow, states.subarray(3 * t, 3 * t + 3), 0.01);
    const next = [0, 1, 2].map((i) =>
      direction.reduce((total, value, j) => total + jacobian[3 * i + j]! * value, 0),
    );
    const length = Math.hypot(...next);
    growth += Math.log(length);
    direction = next.map((value) => value / length);
  }
  // 0.906 in the literature (Sprott 2003); over 80 units of time it is known to about 0.05
  expect(Math.abs(growth / 80 - 0.906)).toBeLessThan(0.15);
  const trace = flow
    .jacobian(Float64Array.of(1, 2, 3))
    .reduce((sum, v, i) => sum + (i % 4 === 0 ? v : 0), 0);
  expect(trace).toBeCloseTo(-(10 + 1 + 8 / 3), 12);
});

test("Lorenz's stretches are on the attractor, visit both wings, and are told apart from their noise", () => {
  const { states, values, wings } = lorenzSample(new Rng(3), { length: 2000, noise: 0.5 });
  const z = states.filter((_, i) => i % 3 === 2);
  const mean = z.reduce((a, b) => a + b, 0) / 2000;
  expect(Math.abs(mean - 23.55)).toBeLessThan(1.5); // the long-run mean; 40 units of time leave about 0.5
  expect(new Set(wings)).toEqual(new Set([0, 1]));
  const shake = values.reduce((total, value, i) => total + (value - states[i]!) ** 2, 0) / 6000;
  expect(Math.abs(shake - 0.25)).toBeLessThan(0.02);
});

test("Lorenz's stretches are the same for the same seed, and no start is in both halves", () => {
  expect(lorenzSample(new Rng(4), { length: 5 }).states).toEqual(
    lorenzSample(new Rng(4), { length: 5 }).states,
  );
  const key = (split: "train" | "heldOut", seed: number): string =>
    lorenzSample(new Rng(seed), { length: 1, split }).key;
  const held = Array.from({ length: 5 }, (_, seed) => key("heldOut", seed));
  expect(held).not.toContain(key("train", 0));
  expect(new Set(held).size).toBe(5);
});

test("two oscillators lock at the phase asin(difference / pull) when their pull suffices, and drift otherwise", () => {
  const pair = (difference: number): Float32Array => {
    const flow = kuramotoFlow({ frequencies: [difference, 0], pull: [0, 0.5, 0.5, 0] });
    return integrate(flow, [0, 0], { length: 2, dt: 100, substeps: 4000 }).subarray(2);
  };
  const locked = pair(0.8);
  expect(locked[0]! - locked[1]!).toBeCloseTo(Math.asin(0.8), 4);
  const loose = pair(1.2);
  // the beat frequency of an unlocked pair is sqrt(difference^2 - pull^2)
  const turns = (loose[0]! - loose[1]!) / (100 * Math.sqrt(1.2 ** 2 - 1));
  expect(Math.abs(turns - 1)).toBeLessThan(0.06); // two radians of phase in 66
});

test("coupled groups go together within and apart between them; uncoupled ones do not", () => {
  const options = { between: 0, length: 100, dt: 0.2 };
  const within = (coupling: number): number => {
    const { phases, groups } = kuramotoSample(new Rng(5), { ...options, coupling });
    const members = [...groups.keys()].filter((i) => groups[i] === 1);
    return orderParameter(phases, groups.length, members).at(-1)!;
  };
  expect(within(3)).toBeGreaterThan(0.95);
  expect(within(0)).toBeLessThan(0.8);
  const { phases, groups } = kuramotoSample(new Rng(5), options);
  const together = orderParameter(phases, groups.length);
  expect(together.reduce((a, b) => a + b, 0) / 100).toBeLessThan(0.8);
});

test("the pulls at an oscillator sum to the coupling and follow the links", () => {
  const { pull, adjacency, groups, values, phases } = kuramotoSample(new Rng(6), {
    coupling: 2,
    inside: 1,
  });
  const n = groups.length;
  for (let i = 0; i < n; i++) {
    const row = pull.subarray(i * n, (i + 1) * n);
    expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(2, 5);
    row.forEach((weight, j) => expect(weight > 0).toBe(adjacency[i * n + j] === 1));
  }
  expect(values[17]).toBeCloseTo(Math.sin(phases[17]!), 6);
});

test("a pull matrix of another size is refused", () => {
  expect(() => kuramotoFlow({ frequencies: [1, 2], pull: [0] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: kuramotoFlow: 2 frequencies need 4 pulls, [2, 2], but there are 1.]`,
  );
});
