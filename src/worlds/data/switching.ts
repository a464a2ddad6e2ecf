// Switching linear dynamics: a hidden state says by which matrix a latent vector moves on, and many channels show it.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { addRow, orthonormalRows } from "./_orthonormal.ts";
import { requireBetween } from "./_options.ts";

/** All the numbers of a switching system; plain data, so a subject of another kind is a copy with another number. */
export interface SwitchingSystem {
  readonly states: number;
  readonly latent: number;
  readonly channels: number;
  /** [state, latent, latent]: z[t] = dynamics[state] z[t - 1] + drift[state] + noise. Also the exact Jacobian of a step. */
  readonly dynamics: Float32Array;
  /** [state, latent] */
  readonly drift: Float32Array;
  /** [from, to]: the chance of a state after another. */
  readonly transitions: Float32Array;
  /** [channel, latent]: x[t] = readout z[t] + noise. */
  readonly readout: Float32Array;
  /** [channel]: the network, one for each latent number; a channel shows no other. */
  readonly networks: Int32Array;
  /** Standard deviation of the noise on the latent vector. */
  readonly processNoise: number;
  /** Standard deviation of the noise on the channels. */
  readonly noise: number;
}

export interface SwitchingOptions {
  /** Hidden states, at least 2; 3 by default. */
  states?: number;
  /** Numbers in the latent vector, which is also how many networks there are; at least 2, 4 by default. */
  latent?: number;
  /** At least `latent`; 16 by default. */
  channels?: number;
  /** Mean stay in a state, in steps, above 1; 20 by default. */
  dwell?: number;
  /** How much of a deviation is left after a step, in 0..1, 1 left out; 0.9 by default. */
  memory?: number;
  /** Distance of a state's resting point from the origin, at least 0; 1 by default. */
  separation?: number;
  /** At least 0; 0.1 by default. */
  processNoise?: number;
  /** At least 0; 0.3 by default. */
  noise?: number;
}

/**
 * Draws a switching system. Every state turns the latent vector by its own rotation, shrinks it by `memory`, and rests at
 * a point of its own; the channels are dealt to the networks in turn and read them with weights of 0.5..1.5.
 *
 * @param rng - advances by one word; the same state gives the same system
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function drawSwitching(rng: Rng, options: SwitchingOptions = {}): SwitchingSystem {
  const { states = 3, latent = 4, channels = 16, dwell = 20, memory = 0.9 } = options;
  const { separation = 1, processNoise = 0.1, noise = 0.3 } = options;
  requireAtLeast("drawSwitching", "states", states, 2);
  requireAtLeast("drawSwitching", "latent", latent, 2);
  requireAtLeast("drawSwitching", "channels", channels, latent);
  requireBetween("drawSwitching", "dwell", dwell, [1, Infinity]);
  requireBetween("drawSwitching", "memory", memory, [0, 0.999]);
  requireBetween("drawSwitching", "separation", separation, [0, Infinity]);
  requireBetween("drawSwitching", "processNoise", processNoise, [0, Infinity]);
  requireBetween("drawSwitching", "noise", noise, [0, Infinity]);

  const own = new Rng(rng.word());
  const dynamics = new Float32Array(states * latent * latent);
  const drift = new Float32Array(states * latent);
  for (let s = 0; s < states; s++) {
    const turn = orthonormalRows(own, latent, latent).map((value) => memory * value);
    const rest = orthonormalRows(own, 1, latent).map((value) => separation * value);
    dynamics.set(turn, s * latent * latent);
    // a point z rests where drift = z - A z
    const pushed = times(turn, rest);
    drift.set(
      rest.map((value, i) => value - pushed[i]!),
      s * latent,
    );
  }
  const transitions = Float32Array.from({ length: states * states }, (_, at) =>
    at % (states + 1) === 0 ? 1 - 1 / dwell : 1 / dwell / (states - 1),
  );
  const networks = Int32Array.from({ length: channels }, (_, channel) => channel % latent);
  const readout = new Float32Array(channels * latent);
  networks.forEach((network, channel) => {
    readout[channel * latent + network] = own.pick([-1, 1]) * (0.5 + own.uniform());
  });
  return {
    states,
    latent,
    channels,
    dynamics,
    drift,
    transitions,
    readout,
    networks,
    processNoise,
    noise,
  };
}

/** A recording of a switching system. */
export interface SwitchingSample {
  /** [time, channel] */
  readonly values: Float32Array;
  /** [time, latent] */
  readonly latents: Float32Array;
  /** [time]: the hidden state, by which the step to this time was made. */
  readonly states: Int32Array;
}

/**
 * Records a switching system from a random state at rest.
 *
 * @param rng - advances by one word; the same state gives the same recording
 * @param options - `length` in steps, at least 1; 200 by default
 * @throws PatchClampError `BAD_OPTION` when `length` is no positive integer
 */
export function runSwitching(
  rng: Rng,
  system: SwitchingSystem,
  options: { length?: number } = {},
): SwitchingSample {
  const { length = 200 } = options;
  requireAtLeast("runSwitching", "length", length, 1);
  const { latent, channels, dynamics, drift, transitions, readout, processNoise, noise } = system;

  const own = new Rng(rng.word());
  const states = new Int32Array(length);
  const latents = new Float32Array(length * latent);
  const values = new Float32Array(length * channels);
  let state = own.below(system.states);
  let z = new Float32Array(latent);
  // 100 steps unseen, so that the start is like any other moment
  for (let t = -100; t < length; t++) {
    state = own.categorical(
      transitions.subarray(state * system.states, (state + 1) * system.states),
    );
    const next = times(
      dynamics.subarray(state * latent * latent, (state + 1) * latent * latent),
      z,
    );
    addRow(next, drift, state, 1);
    z = next.map((value) => value + processNoise * own.normal());
    if (t < 0) continue;
    states[t] = state;
    latents.set(z, t * latent);
    values.set(
      times(readout, z).map((value) => value + noise * own.normal()),
      t * channels,
    );
  }
  return { values, latents, states };
}

/** Multiplies a matrix [rows, columns] by a vector [columns]. */
function times(matrix: Float32Array, vector: Float32Array): Float32Array<ArrayBuffer> {
  const columns = vector.length;
  return Float32Array.from({ length: matrix.length / columns }, (_, row) =>
    vector.reduce((total, value, k) => total + matrix[row * columns + k]! * value, 0),
  );
}
