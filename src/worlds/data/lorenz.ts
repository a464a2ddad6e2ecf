// Lorenz's model of convection: three numbers, no chance, and no telling where it goes in the long run.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireBetween } from "./_options.ts";
import { integrate } from "./flow.ts";
import type { Flow } from "./flow.ts";

/** The three parameters, each above 0. */
export interface LorenzParameters {
  /** 10 by default. */
  sigma?: number;
  /** 28 by default. */
  rho?: number;
  /** 8/3 by default. */
  beta?: number;
}

/**
 * Lorenz's flow: x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z.
 *
 * @source Lorenz 1963, "Deterministic Nonperiodic Flow", J. Atmos. Sci. 20, eqs. (25)-(27)
 */
export function lorenzFlow(parameters: LorenzParameters = {}): Flow {
  const { sigma = 10, rho = 28, beta = 8 / 3 } = parameters;
  return {
    dimension: 3,
    velocity: ([x, y, z]) =>
      Float64Array.of(sigma * (y! - x!), x! * (rho - z!) - y!, x! * y! - beta * z!),
    jacobian: ([x, y, z]) => Float64Array.of(-sigma, sigma, 0, rho - z!, -1, -x!, y!, x!, -beta),
  };
}

/** The states at which Lorenz's flow stands still, each [x, y, z]: the origin and, where rho is above 1, the two eyes. */
export function lorenzFixedPoints(parameters: LorenzParameters = {}): number[][] {
  const { rho = 28, beta = 8 / 3 } = parameters;
  if (rho <= 1) return [[0, 0, 0]];
  const eye = Math.sqrt(beta * (rho - 1));
  return [
    [0, 0, 0],
    [eye, eye, rho - 1],
    [-eye, -eye, rho - 1],
  ];
}

export interface LorenzOptions extends LorenzParameters {
  /** States, at least 1; 500 by default. */
  length?: number;
  /** Time between them, above 0; 0.02 by default. */
  dt?: number;
  /** Standard deviation of the noise on what is observed, at least 0; 0 by default. */
  noise?: number;
  /** Which half of all starts, rounded to half a unit; `train` by default. */
  split?: Split;
}

/** A stretch of the flow. */
export interface LorenzSample {
  readonly flow: Flow;
  /** [time, 3], noise included. */
  readonly values: Float32Array;
  /** [time, 3]: where the system truly was. */
  readonly states: Float32Array;
  /** [time]: the wing, 1 where x is positive and 0 elsewhere. */
  readonly wings: Int32Array;
  /** What decides its half of the world. */
  readonly key: string;
}

/**
 * Follows Lorenz's flow from a random state that it has settled to.
 *
 * @param rng - advances by one word; the same state gives the same stretch
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function lorenzSample(rng: Rng, options: LorenzOptions = {}): LorenzSample {
  const { length = 500, dt = 0.02, noise = 0, split = "train" } = options;
  const { sigma = 10, rho = 28, beta = 8 / 3 } = options;
  for (const [name, value] of Object.entries({ sigma, rho, beta, dt })) {
    requireBetween("lorenzSample", name, value, [1e-9, Infinity]);
  }
  requireAtLeast("lorenzSample", "length", length, 1);
  requireBetween("lorenzSample", "noise", noise, [0, Infinity]);
  requireOneOf("lorenzSample", "split", split, splits);

  const flow = lorenzFlow({ sigma, rho, beta });
  const own = new Rng(rng.word());
  const from = [5 * own.normal(), 5 * own.normal(), 5 * own.normal() + rho];
  // 20 units of time lead to the attractor from anywhere near it, and a few more to any other part of it
  let start = follow(flow, from, 20);
  const { key } = drawWithin(split, () => {
    start = follow(flow, start, 1 + own.uniform());
    return { key: ["lorenz", ...start.map((value) => Math.round(2 * value))].join("|") };
  });
  // steps of 0.01 at most, where the integrator's error is far below float32's
  const states = integrate(flow, start, { length, dt, substeps: Math.ceil(dt / 0.01) });
  const shake = own.split("noise");
  const values = states.map((value) => value + noise * shake.normal());
  const wings = Int32Array.from({ length }, (_, t) => (states[3 * t]! > 0 ? 1 : 0));
  return { flow, values, states, wings, key };
}

/** Where the flow is after some time. */
const follow = (flow: Flow, from: readonly number[], time: number): number[] =>
  Array.from(
    integrate(flow, from, { length: 2, dt: time, substeps: Math.ceil(50 * time) }).subarray(3),
  );
