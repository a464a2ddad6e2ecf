// Two programs, one machine, taking turns. A shared machine drifts by more than the differences that matter, so ours and
// the peer are never timed in separate stretches: each round times both, and the first of a round is the second of the
// next. What is reported is the median of each side and the ratio of the medians.

/** What one execution of a side took and what it computed. */
export interface Sample {
  /** Time of the work itself, in the entry's unit. */
  readonly value: number;
  /** Numbers that both sides compute, to prove that the work is the same. */
  readonly result?: readonly number[];
}

/** One side of a comparison: does the work once. */
export type Side = () => Promise<Sample>;

/** A prepared comparison: everything loaded, nothing timed yet. */
export interface Contest {
  readonly ours: Side;
  /** Absent when the peer cannot run here; `note` then says why. */
  readonly peer?: Side | undefined;
  /** What ours is compared with; `bar` where it is a fixed number. */
  readonly peerName: string;
  /** What a reader should know about this measurement. */
  readonly note?: string | undefined;
  /** What the bar asks for besides the ratio. Default: true. */
  readonly alsoHolds?: boolean;
  /** Peak memory of the two programs, each in a process of its own, in MB. */
  readonly memory?: { readonly oursPeakMb: number; readonly peerPeakMb: number };
  readonly close?: () => Promise<void>;
}

/** One line of a suite. */
export interface Entry {
  readonly name: string;
  /** Of speeds, which end in `/s`, more is better; of everything else less. */
  readonly unit: "ms" | "lines" | "nats" | "tokens/s";
  /** What is asked of ours, in words. */
  readonly bar: string;
  /** The ratio that meets the bar; null where it is only reported. */
  readonly target: number | null;
  /** Largest difference allowed between the results of the sides, relative to the largest of the peer's. Default: 1e-3. */
  readonly tolerance?: number;
  /** Rounds at least, and seconds after which no further round starts. Default: 7 rounds, 20 s. */
  readonly rounds?: number;
  readonly seconds?: number;
  readonly prepare: () => Promise<Contest>;
}

/** One object of `bench/results/SUITE.json`. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  /** Median of ours. */
  readonly ours: number | null;
  /** Median of the peer, or the bar itself; null when there is no peer here. */
  readonly peer: number | null;
  readonly peerName: string;
  /** peer / ours, and of speeds ours / peer: above 1, ours is better. */
  readonly ratio: number | null;
  readonly bar: string;
  readonly target: number | null;
  /** Whether the ratio meets the target; null when it could not be measured, or there is none. */
  readonly holds: boolean | null;
  /** First and third quartile. */
  readonly oursSpread?: readonly [number, number];
  readonly peerSpread?: readonly [number, number];
  readonly rounds: number;
  /** Largest difference of the two results, relative to the largest of the peer's. */
  readonly difference?: number;
  readonly note?: string;
  readonly machine: string;
  /** Runnable processes a core while measuring; above 1.5 the figures are not to be quoted. */
  readonly load: number;
  readonly oursPeakMb?: number;
  readonly peerPeakMb?: number;
}

const MIN_ROUNDS = 7;
const MAX_ROUNDS = 25;
/** Executions before the first that counts; one is enough for work this long. */
const WARM_UP = 2;
const LONG_MS = 2000;
/** Thread pools spin for a while after work; the other side must not pay for that. */
const SETTLE_MS = 60;

/** A clock that only goes forward, in milliseconds. */
export const now = (): number => performance.now();

/** Times one execution, in milliseconds. */
export async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly ms: number; readonly out: T }> {
  const start = now();
  const out = await work();
  return { ms: now() - start, out };
}

/**
 * Measures one entry.
 *
 * A contest that cannot be prepared, and sides whose results differ, give a row that says so instead of a ratio.
 */
export async function measure(entry: Entry, machine: string, load: () => number): Promise<Row> {
  let contest: Contest | undefined;
  try {
    contest = await entry.prepare();
    const { ours, peer } = await takeTurns(entry, contest);
    return { ...row(entry, contest, ours, peer), machine, load: round(load()) };
  } catch (error) {
    const failed = { ours: () => Promise.reject(error), peerName: contest?.peerName ?? "none" };
    const note = `not measured: ${error instanceof Error ? error.message : String(error)}`;
    return { ...row(entry, { ...failed, note }, [], []), machine, load: round(load()) };
  } finally {
    await contest?.close?.();
  }
}

async function takeTurns(
  entry: Entry,
  contest: Contest,
): Promise<{ ours: readonly Sample[]; peer: readonly Sample[] }> {
  const { rounds = MIN_ROUNDS, seconds = 20 } = entry;
  const sides = [contest.ours, ...(contest.peer === undefined ? [] : [contest.peer])];
  for (let i = 0, isLong = false; i < WARM_UP && !isLong; i++) {
    for (const side of sides) isLong = (await timed(side)).ms > LONG_MS || isLong;
  }
  const samples = new Map<Side, Sample[]>(sides.map((side) => [side, []]));
  const start = now();
  for (let i = 0; i < MAX_ROUNDS && (i < rounds || now() - start < seconds * 1000); i++) {
    for (const side of i % 2 === 0 ? sides : sides.toReversed()) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      samples.get(side)!.push(await side());
    }
  }
  const peer = contest.peer === undefined ? [] : samples.get(contest.peer)!;
  return { ours: samples.get(contest.ours)!, peer };
}

function row(
  entry: Entry,
  contest: Contest,
  ours: readonly Sample[],
  peer: readonly Sample[],
): Omit<Row, "machine" | "load"> {
  const { name, unit, bar, target, tolerance = 1e-3 } = entry;
  const { alsoHolds = true } = contest;
  const [mine, theirs] = [summary(ours), summary(peer)];
  const difference = disagreement(ours.at(-1)?.result, peer.at(-1)?.result);
  const isSame = difference === undefined || difference <= tolerance;
  const ratio = mine && theirs && isSame ? advantage(unit, mine.median, theirs.median) : null;
  const notes = [
    contest.note,
    isSame
      ? undefined
      : `the results differ by ${difference}, more than ${tolerance}, so the work is not the same`,
  ].filter((text) => text !== undefined);
  return {
    name,
    unit,
    ours: mine ? round(mine.median) : null,
    peer: theirs ? round(theirs.median) : null,
    peerName: contest.peerName,
    ratio: ratio === null ? null : round(ratio),
    bar,
    target: target === null ? null : round(target),
    holds: ratio === null || target === null ? null : ratio >= target && alsoHolds,
    ...(mine && { oursSpread: mine.spread }),
    ...(theirs && { peerSpread: theirs.spread }),
    rounds: ours.length,
    ...(difference !== undefined && { difference }),
    ...contest.memory,
    ...(notes.length > 0 && { note: notes.join("; ") }),
  };
}

/** How many times better ours is than theirs. */
function advantage(unit: Entry["unit"], ours: number, theirs: number): number {
  return unit.endsWith("/s") ? ours / theirs : theirs / ours;
}

/** Median and quartiles; nothing of no samples. */
function summary(
  samples: readonly Sample[],
): { median: number; spread: readonly [number, number] } | undefined {
  if (samples.length === 0) return undefined;
  const sorted = samples.map(({ value }) => value).toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    spread: [round(quantile(sorted, 0.25)), round(quantile(sorted, 0.75))],
  };
}

/** Linear interpolation between the two nearest of ascending values (Hyndman and Fan 1996, definition 7). */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

/** The median of some numbers. */
export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** The largest difference between two results, relative to the largest number of the second. */
function disagreement(
  ours: readonly number[] | undefined,
  peer: readonly number[] | undefined,
): number | undefined {
  if (ours === undefined || peer === undefined) return undefined;
  if (ours.length !== peer.length) return Infinity;
  const scale = Math.max(...peer.map(Math.abs));
  const worst = Math.max(...peer.map((value, i) => Math.abs(value - ours[i]!)));
  return Number((worst / scale).toPrecision(2));
}

/** Four significant digits: more would be noise. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
