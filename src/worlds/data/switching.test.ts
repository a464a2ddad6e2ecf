import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { drawSwitching, runSwitching } from "./switching.ts";

const system = drawSwitching(new Rng(1));

test("every step is the state's own linear map plus noise of the strength told", () => {
  const { latents, states } = runSwitching(new Rng(2), system, { length: 2000 });
  const n = system.latent;
  let [squares, crossed] = [0, 0];
  for (let t = 1; t < 2000; t++) {
    for (let i = 0; i < n; i++) {
      const predict = (s: number): number => {
        let value = system.drift[s * n + i]!;
        for (let j = 0; j < n; j++) {
          value += system.dynamics[(s * n + i) * n + j]! * latents[(t - 1) * n + j]!;
        }
        return value;
      };
      squares += (latents[t * n + i]! - predict(states[t]!)) ** 2;
      crossed += (latents[t * n + i]! - predict((states[t]! + 1) % 3)) ** 2;
    }
  }
  const variance = squares / (1999 * n);
  // four standard errors: sqrt(2 / 8000) of the variance each
  expect(Math.abs(variance / system.processNoise ** 2 - 1)).toBeLessThan(0.065);
  expect(crossed).toBeGreaterThan(10 * squares);
});

test("the channels are the read-out of the latent vector plus noise of the strength told", () => {
  const { latents, values } = runSwitching(new Rng(3), system, { length: 500 });
  let squares = 0;
  for (let t = 0; t < 500; t++) {
    for (let c = 0; c < system.channels; c++) {
      const k = system.networks[c]!;
      const shown = system.readout[c * system.latent + k]! * latents[t * system.latent + k]!;
      squares += (values[t * system.channels + c]! - shown) ** 2;
    }
  }
  const ratio = squares / (500 * system.channels) / system.noise ** 2;
  expect(Math.abs(ratio - 1)).toBeLessThan(0.065);
});

test("a channel reads its own network and no other", () => {
  system.readout.forEach((weight, at) => {
    const isOwn = at % system.latent === system.networks[Math.floor(at / system.latent)];
    expect(weight !== 0).toBe(isOwn);
  });
});

test("stays in a state are geometric with the mean told, and all states are as common", () => {
  const length = 20_000;
  const { states } = runSwitching(new Rng(4), drawSwitching(new Rng(5), { dwell: 5 }), { length });
  const changes = states.filter((state, t) => t > 0 && state !== states[t - 1]).length;
  expect(Math.abs(changes - length / 5)).toBeLessThan(4 * Math.sqrt(length * 0.2 * 0.8));
  for (let s = 0; s < 3; s++) {
    const share = states.filter((state) => state === s).length / length;
    expect(Math.abs(share - 1 / 3)).toBeLessThan(0.05);
  }
});

test("each state turns and shrinks by the memory, and stands still at a point one separation away", () => {
  const drawn = drawSwitching(new Rng(6), { memory: 0.8, separation: 2, processNoise: 0 });
  const n = drawn.latent;
  const columns = Array.from({ length: n }, (_, j) =>
    Array.from({ length: n }, (_, i) => drawn.dynamics[i * n + j]!),
  );
  columns.forEach((column) => expect(Math.hypot(...column)).toBeCloseTo(0.8, 5));
  // with a single state for ever, the vector comes to rest
  const stay = new Float32Array(9).map((_, at) => (at % 4 === 0 ? 1 : 0));
  const { latents } = runSwitching(new Rng(7), { ...drawn, transitions: stay }, { length: 2 });
  expect(Math.hypot(...latents.subarray(n))).toBeCloseTo(2, 4);
  expect(latents.subarray(n)[0]).toBeCloseTo(latents[0]!, 5);
});

test("systems and recordings are the same for the same seed", () => {
  expect(drawSwitching(new Rng(8))).toEqual(drawSwitching(new Rng(8)));
  const rng = new Rng(9);
  const first = runSwitching(rng, system, { length: 5 });
  expect(first).toEqual(runSwitching(new Rng(9), system, { length: 5 }));
  expect(rng.counter).toBe(1);
  expect(runSwitching(rng, system, { length: 5 })).not.toEqual(first);
});

test("a system with fewer channels than networks is refused", () => {
  expect(() => drawSwitching(new Rng(1), { channels: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawSwitching: channels is 2, not an integer of at least 4.]`,
  );
});
