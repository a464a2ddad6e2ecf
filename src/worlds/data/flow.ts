// Continuous systems with exact Jacobians, and the one integrator for all of them.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";

/** A system whose state says how it goes on. */
export interface Flow {
  readonly dimension: number;
  /** [dimension] to [dimension]: change per unit of time. */
  readonly velocity: (state: Float64Array) => Float64Array;
  /** [dimension] to [dimension, dimension]: row i is the gradient of velocity i by the state. */
  readonly jacobian: (state: Float64Array) => Float64Array;
}

export interface IntegrateOptions {
  /** States to record, the start included; at least 1. */
  length: number;
  /** Time between them, above 0. */
  dt: number;
  /** Steps of the integrator between two states, at least 1; 1 by default. */
  substeps?: number;
  /** What shakes the state: standard deviation per square root of time, at least 0; 0 by default. */
  noise?: number;
  /** Needed where there is noise. */
  rng?: Rng;
}

/**
 * Integrates a flow by the classical Runge-Kutta method of fourth order.
 *
 * @param start - [dimension]
 * @returns [length, dimension]; the first row is the start
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or there is noise without `rng`
 */
export function integrate(
  flow: Flow,
  start: ArrayLike<number>,
  options: IntegrateOptions,
): Float32Array {
  const { length, dt, substeps = 1, noise = 0, rng } = options;
  requireAtLeast("integrate", "length", length, 1);
  requireBetween("integrate", "dt", dt, [1e-12, Infinity]);
  requireAtLeast("integrate", "substeps", substeps, 1);
  requireBetween("integrate", "noise", noise, [0, Infinity]);
  if (noise > 0 && rng === undefined) {
    throw new PatchClampError("BAD_OPTION", {
      where: "integrate",
      problem: `noise is ${noise}, but there is no rng to draw it from.`,
      fix: "pass an rng.",
    });
  }
  const h = dt / substeps;
  const states = new Float32Array(length * flow.dimension);
  let state = Float64Array.from(start);
  states.set(state);
  for (let t = 1; t < length; t++) {
    for (let s = 0; s < substeps; s++) {
      state = step(flow, state, h);
      if (noise > 0) state = state.map((x) => x + noise * Math.sqrt(h) * rng!.normal());
    }
    states.set(state, t * flow.dimension);
  }
  return states;
}

/** Goes one Runge-Kutta step of length `h`. */
export function step(flow: Flow, state: Float64Array, h: number): Float64Array<ArrayBuffer> {
  const k1 = flow.velocity(state);
  const k2 = flow.velocity(moved(state, k1, h / 2));
  const k3 = flow.velocity(moved(state, k2, h / 2));
  const k4 = flow.velocity(moved(state, k3, h));
  return state.map((x, i) => x + (h / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!));
}

/**
 * Differentiates one Runge-Kutta step by the state it starts from: exactly, by the chain rule through the four stages.
 *
 * @param state - [dimension]
 * @param h - length of the step, in time
 * @returns [dimension, dimension]; row i is the gradient of component i after the step
 */
export function stepJacobian(flow: Flow, state: ArrayLike<number>, h: number): Float64Array {
  const n = flow.dimension;
  const x = Float64Array.from(state);
  const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const total = identity.slice();
  let [k, dk] = [new Float64Array(n), new Float64Array(n * n)];
  // how far along the stage before each stage looks, and what each counts
  for (const [ahead, share] of [
    [0, 1],
    [h / 2, 2],
    [h / 2, 2],
    [h, 1],
  ] as const) {
    const at = moved(x, k, ahead);
    dk = matrixProduct(flow.jacobian(at), moved(identity, dk, ahead), n);
    k = Float64Array.from(flow.velocity(at));
    dk.forEach((value, i) => (total[i]! += (h / 6) * share * value));
  }
  return total;
}

function moved(from: Float64Array, along: Float64Array, by: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(from.length);
  for (let i = 0; i < to.length; i++) to[i] = from[i]! + by * along[i]!;
  return to;
}

function matrixProduct(a: Float64Array, b: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const product = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) product[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
    }
  }
  return product;
}
