// Kuramoto's oscillators: phases that pull at one another along the links of a graph.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";
import { integrate } from "./flow.ts";
import type { Flow } from "./flow.ts";
import { denseAdjacency } from "./graph.ts";
import { blockGraph } from "./random-graphs.ts";

/** What rules coupled phases. */
export interface KuramotoParameters {
  /** [n], in radians per unit of time. */
  readonly frequencies: ArrayLike<number>;
  /** [n, n]: how strongly column j pulls at row i, in radians per unit of time. */
  readonly pull: ArrayLike<number>;
}

/**
 * Kuramoto's flow: phase i changes by frequency i + sum over j of pull[i, j] sin(phase j - phase i).
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when `pull` is not [n, n]
 * @source Kuramoto 1984, "Chemical Oscillations, Waves, and Turbulence", ch. 5
 */
export function kuramotoFlow({ frequencies, pull }: KuramotoParameters): Flow {
  const n = frequencies.length;
  if (pull.length !== n * n) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "kuramotoFlow",
      problem: `${n} frequencies need ${n * n} pulls, [${n}, ${n}], but there are ${pull.length}.`,
    });
  }
  return {
    dimension: n,
    velocity: (phases) => {
      const changes = Float64Array.from(frequencies);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const weight = pull[i * n + j]!;
          if (weight !== 0) changes[i]! += weight * Math.sin(phases[j]! - phases[i]!);
        }
      }
      return changes;
    },
    jacobian: (phases) => {
      const slopes = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          if (i === j) continue; // sin(0) never changes
          const slope = pull[i * n + j]! * Math.cos(phases[j]! - phases[i]!);
          slopes[i * n + j] = slope;
          slopes[i * n + i]! -= slope;
        }
      }
      return slopes;
    },
  };
}

export interface KuramotoOptions {
  /** Oscillators in each group, at least 1 each; [8, 8, 8] by default. */
  groups?: readonly number[];
  /** Chance of a link within a group, 0..1; 0.8 by default. */
  inside?: number;
  /** Chance of a link between groups, 0..1; 0.02 by default. */
  between?: number;
  /** Pull of all links of an oscillator together, at least 0; 3 by default. */
  coupling?: number;
  /** Standard deviation of the frequencies around their group's, at least 0; 0.2 by default. */
  spread?: number;
  /** Times at which the phases are recorded, at least 1; 200 by default. */
  length?: number;
  /** Time between them, above 0; 0.05 by default. */
  dt?: number;
  /** What shakes the phases: radians per square root of time, at least 0; 0 by default. */
  noise?: number;
}

/** Phases over time with the network behind them. */
export interface KuramotoSample {
  readonly flow: Flow;
  /** [time, oscillator], in radians, not wrapped. */
  readonly phases: Float32Array;
  /** [time, oscillator]: the sine of each phase, which is what one would measure. */
  readonly values: Float32Array;
  /** [oscillator]: the group. */
  readonly groups: Int32Array;
  /** [oscillator, oscillator]: 1 where there is a link. */
  readonly adjacency: Float32Array;
  /** [oscillator, oscillator]: how strongly the column pulls at the row. */
  readonly pull: Float32Array;
  /** [oscillator], in radians per unit of time. */
  readonly frequencies: Float32Array;
}

/**
 * Runs oscillators whose links are dense within groups and rare between them, from random phases.
 *
 * Group g has the mean frequency 1 + 0.5 g, so that groups drift apart unless something holds them together.
 *
 * @param rng - advances by one word; the same state gives the same run
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function kuramotoSample(rng: Rng, options: KuramotoOptions = {}): KuramotoSample {
  const { groups: sizes = [8, 8, 8], inside = 0.8, between = 0.02, coupling = 3 } = options;
  const { spread = 0.2, length = 200, dt = 0.05, noise = 0 } = options;
  requireBetween("kuramotoSample", "coupling", coupling, [0, Infinity]);
  requireBetween("kuramotoSample", "spread", spread, [0, Infinity]);
  requireAtLeast("kuramotoSample", "length", length, 1);
  requireBetween("kuramotoSample", "dt", dt, [1e-9, Infinity]);
  requireBetween("kuramotoSample", "noise", noise, [0, Infinity]);

  const own = new Rng(rng.word());
  const { graph, blocks: groups } = blockGraph(own, { blocks: sizes, inside, between });
  const n = graph.length;
  const adjacency = denseAdjacency(graph);
  const pull = adjacency.map((link, at) => {
    const links = graph[Math.floor(at / n)]!.length;
    return link === 0 ? 0 : coupling / links;
  });
  const drawn = own.split("frequencies");
  const frequencies = Float32Array.from(groups, (g) => 1 + 0.5 * g + spread * drawn.normal());
  const flow = kuramotoFlow({ frequencies, pull });
  const starts = own.split("starts");
  const start = Float64Array.from({ length: n }, () => 2 * Math.PI * starts.uniform());
  // steps of 0.02 at most: sines of phases bend on the scale of 1 / coupling
  const substeps = Math.ceil(dt / 0.02);
  const phases = integrate(flow, start, { length, dt, substeps, noise, rng: own.split("noise") });
  return { flow, phases, values: phases.map(Math.sin), groups, adjacency, pull, frequencies };
}

/**
 * Tells how far some oscillators go together: the length of the mean of their unit vectors.
 *
 * @param phases - [time, n], in radians
 * @param n - how many oscillators there are
 * @param members - the oscillators meant, all of them by default
 * @returns [time]: 1 where all phases are equal, near 0 where they are spread evenly
 */
export function orderParameter(
  phases: Float32Array,
  n: number,
  members: readonly number[] = Array.from({ length: n }, (_, i) => i),
): Float32Array {
  return Float32Array.from({ length: phases.length / n }, (_, t) => {
    const mean = (f: (x: number) => number): number =>
      members.reduce((total, i) => total + f(phases[t * n + i]!), 0) / members.length;
    return Math.hypot(mean(Math.cos), mean(Math.sin));
  });
}
