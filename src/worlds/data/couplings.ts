// Channels that drive one another: which one, how strongly and after how many steps is drawn first, and the series follow.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireBetween } from "./_options.ts";

/** Channel `from` drives channel `to`, `lag` steps later. */
export interface Coupling {
  readonly from: number;
  readonly to: number;
  readonly lag: number;
  readonly weight: number;
}

/** Which channel drives which. */
export interface Couplings {
  readonly channels: number;
  /** What a channel keeps of its own last value, 0..1. */
  readonly memory: number;
  readonly links: readonly Coupling[];
  /** What decides its half: every link's channels and lag. */
  readonly key: string;
}

export interface CouplingsOptions {
  /** At least 2; 8 by default. */
  channels?: number;
  /** Between different channels, 0..channels (channels - 1); as many as channels by default. */
  links?: number;
  /** Longest lag in steps, at least 1; 3 by default. */
  lags?: number;
  /** 0..1; 0.4 by default. */
  memory?: number;
  /** Absolute weights of all links into a channel together, 0..1; with `memory` below 1, 0.5 by default. */
  strength?: number;
  /** Only links from a lower channel to a higher one, so that nothing drives itself round a loop; false by default. */
  isAcyclic?: boolean;
  /** Which half of all wirings; `train` by default. */
  split?: Split;
}

/**
 * Draws which channel drives which. The links into one channel share its strength equally, with random signs.
 *
 * @param rng - advances by one word; the same state gives the same couplings
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or the channels would grow without bound
 */
export function drawCouplings(rng: Rng, options: CouplingsOptions = {}): Couplings {
  const { channels = 8, lags = 3, memory = 0.4, strength = 0.5 } = options;
  const { isAcyclic = false, split = "train" } = options;
  requireAtLeast("drawCouplings", "channels", channels, 2);
  const most = (channels * (channels - 1)) / (isAcyclic ? 2 : 1);
  const { links = Math.min(channels, most) } = options;
  requireAtLeast("drawCouplings", "links", links, 1);
  requireBetween("drawCouplings", "links", links, [1, most]);
  requireAtLeast("drawCouplings", "lags", lags, 1);
  requireBetween("drawCouplings", "memory", memory, [0, 1]);
  requireBetween("drawCouplings", "strength", strength, [0, 1]);
  requireOneOf("drawCouplings", "split", split, splits);

  const own = new Rng(rng.word());
  const pairs = Array.from({ length: channels ** 2 }, (_, i) => ({
    from: Math.floor(i / channels),
    to: i % channels,
  })).filter(({ from, to }) => (isAcyclic ? from < to : from !== to));
  const { wires, key } = drawWithin(split, () => {
    const wires = own
      .shuffle(pairs)
      .slice(0, links)
      .map((pair) => ({ ...pair, lag: 1 + own.below(lags) }))
      .toSorted((a, b) => a.to - b.to || a.from - b.from);
    const content = wires.map(({ from, to, lag }) => `${from}>${to}@${lag}`);
    return { wires, key: ["couplings", channels, ...content].join("|") };
  });
  const incoming = (channel: number): number => wires.filter(({ to }) => to === channel).length;
  const drawn: Couplings = {
    channels,
    memory,
    links: wires.map((wire) => ({
      ...wire,
      weight: (own.pick([-1, 1]) * strength) / incoming(wire.to),
    })),
    key,
  };
  requireStable("drawCouplings", drawn);
  return drawn;
}

export interface CoupledOptions {
  /** Steps, at least 1; 200 by default. */
  length?: number;
  /** Standard deviation of what is new in every channel at every step, above 0; 1 by default. */
  noise?: number;
  /** Multiplies every weight, at least 0; 1 by default. */
  scale?: number;
  /** Passes what arrives through tanh, so that no linear read-out is exact; false by default. */
  isSaturating?: boolean;
}

/**
 * Runs coupled channels: x[t, to] = memory x[t - 1, to] + sum of weight x[t - lag, from] + e[t, to], after 200 steps that
 * are thrown away.
 *
 * @param rng - advances by one word; the same state gives the same series
 * @returns [time, channel]
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or linear channels would grow without bound
 */
export function runCouplings(
  rng: Rng,
  couplings: Couplings,
  options: CoupledOptions = {},
): Float32Array {
  const { length = 200, noise = 1, scale = 1, isSaturating = false } = options;
  requireAtLeast("runCouplings", "length", length, 1);
  requireBetween("runCouplings", "noise", noise, [1e-9, Infinity]);
  requireBetween("runCouplings", "scale", scale, [0, Infinity]);
  if (!isSaturating) requireStable("runCouplings", couplings, scale);

  const own = new Rng(rng.word());
  const { channels, memory, links } = couplings;
  const warmUp = 200;
  const x = new Float64Array((warmUp + length) * channels);
  const arriving = new Float64Array(channels);
  for (let t = 0; t < warmUp + length; t++) {
    arriving.fill(0);
    for (const { from, to, lag, weight } of links) {
      if (t >= lag) arriving[to]! += scale * weight * x[(t - lag) * channels + from]!;
    }
    for (let c = 0; c < channels; c++) {
      const before = t === 0 ? 0 : x[(t - 1) * channels + c]!;
      const input = isSaturating ? Math.tanh(arriving[c]!) : arriving[c]!;
      x[t * channels + c] = memory * before + input + noise * own.normal();
    }
  }
  return Float32Array.from(x.subarray(warmUp * channels));
}

/**
 * Tells which channel drives which along any chain of links.
 *
 * @returns [from, to]: the fewest links of a chain, 0 where there is none
 */
export function reachOf({ channels, links }: Couplings): Int32Array {
  const reach = new Int32Array(channels ** 2);
  for (let from = 0; from < channels; from++) {
    let front = new Set([from]);
    for (let steps = 1; front.size > 0 && steps <= channels; steps++) {
      const next = links.filter((link) => front.has(link.from)).map(({ to }) => to);
      front = new Set(next.filter((to) => reach[from * channels + to] === 0));
      for (const to of front) reach[from * channels + to] = steps;
    }
  }
  return reach;
}

/** Refuses weights that add up to 1 or more in a channel: below it, no echo can outlast what caused it. */
function requireStable(where: string, { channels, memory, links }: Couplings, scale = 1): void {
  for (let channel = 0; channel < channels; channel++) {
    const incoming = links.filter(({ to }) => to === channel);
    const whole = incoming.reduce((total, link) => total + Math.abs(scale * link.weight), memory);
    if (whole < 1) continue;
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `channel ${channel} keeps and receives ${Number(whole.toFixed(3))} of what there was, so the channels may grow without bound.`,
      fix: "keep memory plus the absolute weights into each channel below 1.",
    });
  }
}
