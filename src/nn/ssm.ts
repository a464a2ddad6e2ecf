// State spaces (Mamba): every channel keeps a state of dState numbers that decays, takes in what the channel brings, and is read:
//
//     h_t = exp(dt_t A) h_{t-1} + dt_t B_t x_t        y_t = C_t h_t
//
// B and C are the same for all channels of a group. Channels are the last axis throughout, so that the inner loops of the runtime
// run over many numbers that lie side by side.

import { concat, ones, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { LinearParams } from "./layers.ts";
import { causalBias } from "./masks.ts";
import type { Step } from "../tensor/ops/scan.ts";
import { scan } from "../tensor/ops/scan.ts";

/** What a state space is given at every position. */
export interface StateSpaceInputs {
  /** What comes in, [batch, pos, group, channel]. */
  readonly x: Tensor;
  /** Step sizes, [batch, pos, group, channel]; where one is 0 the state stays as it is. */
  readonly dt: Tensor;
  /** Where in the state it goes, [batch, pos, group, dState]. */
  readonly B: Tensor;
  /** How the state is read, [batch, pos, group, dState]. */
  readonly C: Tensor;
}

/** What a state space gives. */
export interface StateSpaceResult {
  /** What was read, of the shape of `x`. */
  readonly y: Tensor;
  /** The state after the last position, [batch, group, dState, channel]. */
  readonly state: Tensor;
}

/**
 * A state space whose decay differs by channel and place in the state (Mamba-1).
 *
 * One loop over positions computes decay, update and reading while they are in the cache. For 256 positions, 1536 channels and 16
 * numbers of state that took 6.4 ms on one or two threads of the machine it was chosen on; decays and updates of all positions
 * first 13.8; chunks of 4 to 32 positions 5.7 to 7.1, but slower where cores are shared; ONNX Runtime's LinearAttention with a
 * head a channel 17.
 *
 * @param rates - A, below 0, [group, dState, channel]
 * @param start - the state before the first position, [batch, group, dState, channel]; default: zeros
 * @source Gu & Dao 2023, arXiv:2312.00752, algorithm 2
 */
export function selectiveScan(
  inputs: StateSpaceInputs,
  rates: Tensor,
  start: Tensor = emptyState(inputs),
): StateSpaceResult {
  const { x, dt, B, C } = inputs;
  const step: Step = ([h], [dtNow, u, b, c], [a]) => {
    const next = h!.mul(dtNow!.mul(a!).exp()).add(b!.mul(u!));
    return { carried: [next], out: [c!.matmul(next)] };
  };
  const slices = [row(dt), row(x.mul(dt)), column(B), row(C)];
  const { carried, out } = alongPositions(step, start, slices, [rates]);
  return { y: positionsSecond(out).squeeze(3), state: carried };
}

/**
 * The state after every position, [batch, pos, group, channel, dState].
 *
 * @param rates - A, below 0, [group, dState or 1, channel]
 * @param start - the state before the first position, [batch, group, dState, channel]; default: zeros
 */
export function everyState(
  inputs: Omit<StateSpaceInputs, "C">,
  rates: Tensor,
  start: Tensor = emptyState(inputs),
): Tensor {
  const { x, dt, B } = inputs;
  const step: Step = ([h], [dtNow, u, b], [a]) => {
    const next = h!.mul(dtNow!.mul(a!).exp()).add(b!.mul(u!));
    return { carried: [next], out: [next] };
  };
  const { out } = alongPositions(step, start, [row(dt), row(x.mul(dt)), column(B)], [rates]);
  return out.transpose([1, 0, 2, 4, 3]);
}

/**
 * What is read of states.
 *
 * @param states - [batch, pos, group, channel, dState]
 * @param C - [batch, pos, group, dState]
 * @returns [batch, pos, group, channel]
 */
export function readStates(states: Tensor, C: Tensor): Tensor {
  return states.matmul(C.unsqueeze(-1)).squeeze(4);
}

/**
 * Positions that are computed by products of matrices at a time. A head then makes `length` weights a position, and
 * `size / length` numbers of state: the nearest power of two to where these are equal.
 *
 * @param size - numbers of state a head, dState * dHead
 */
function chunkLength(size: number): number {
  return Math.max(8, 2 ** Math.round(Math.log2(size) / 2));
}

/** What a state space with one decay a head is given: as above, with heads for channels. */
export interface HeadInputs extends Pick<StateSpaceInputs, "B" | "C"> {
  /** [batch, pos, head, dHead]; the heads of a group lie side by side. */
  readonly x: Tensor;
  /** [batch, pos, head] */
  readonly dt: Tensor;
}

/**
 * A state space with one decay a head (Mamba-2), as products of matrices over chunks of positions: inside a chunk like attention
 * without a softmax, and from chunk to chunk through the state.
 *
 * Decays from one position to another are exponentials of sums over just the positions between: never above 0, so nothing
 * overflows, and exact where a difference of running sums would not be.
 *
 * @param rates - A, below 0, [head]
 * @param start - the state before the first position, [batch, group, dState, channel]; default: zeros
 * @returns `y` [batch, pos, head, dHead]; `state` [batch, group, dState, channel], where a channel is a place of a head
 * @source Dao & Gu 2024, arXiv:2405.21060, section 6
 */
export function chunkedScan(
  { x, dt, B, C }: HeadInputs,
  rates: Tensor,
  start?: Tensor,
): StateSpaceResult {
  const [batch, pos, nHeads, dHead] = x.shape as [number, number, number, number];
  const [groups, dState] = B.shape.slice(2) as [number, number];
  const length = Math.min(chunkLength(dState * dHead), pos);
  const chunks = Math.ceil(pos / length);
  const perGroup = nHeads / groups;
  const cut = (t: Tensor, ...rest: number[]): Tensor =>
    t
      .pad({ axis: 1, before: 0, after: chunks * length - pos })
      .reshape([batch * chunks, length, ...rest]);
  // chunks in the first axis, then groups or heads, then the positions of a chunk
  const b = turned(cut(B, groups, dState));
  const c = turned(cut(C, groups, dState));
  const u = cut(x.mul(dt.unsqueeze(-1)), nHeads, dHead);
  const spread = (t: Tensor): Tensor => t.unsqueeze(-1);

  const logs = turned(cut(dt.mul(rates), nHeads)); // [..., head, position]
  const square = ones([length, length]);
  const between = square.tril().matmul(spread(logs).mul(square.tril({ diagonal: -1 }))); // [..., to, from]
  const toEnd = turned(between.slice({ axis: 2, start: -1 }).squeeze(2));
  const fromStart = turned(
    between
      .slice({ axis: 3, end: 1 })
      .squeeze(3)
      .add(logs.slice({ axis: 2, end: 1 })),
  );
  const total = fromStart.slice({ axis: 1, start: -1 });

  const decay = between.add(causalBias(length)).exp();
  const weights = c
    .matmul(b, { transposeB: true })
    .unsqueeze(2)
    .mul(decay.reshape([batch * chunks, groups, perGroup, length, length]))
    .reshape([batch * chunks, nHeads, length, length]);
  const within = turned(weights.matmul(turned(u)));

  const grouped = (t: Tensor): Tensor =>
    turned(t.reshape([batch * chunks, length, groups, perGroup * dHead]));
  const arriving = u.mul(spread(toEnd.exp()));
  const added = b.matmul(grouped(arriving), { transposeA: true });
  const kept = spread(total.exp())
    .broadcastTo([batch * chunks, 1, nHeads, dHead])
    .reshape([batch, chunks, groups, 1, perGroup * dHead]);
  const { before, state } = betweenChunks(
    kept,
    added.reshape([batch, chunks, groups, dState, perGroup * dHead]),
    start,
  );
  const y =
    before === undefined
      ? within
      : turned(c.matmul(before))
          .reshape([batch * chunks, length, nHeads, dHead])
          .mul(spread(fromStart.exp()))
          .add(within);
  return {
    y: y.reshape([batch, chunks * length, nHeads, dHead]).slice({ axis: 1, end: pos }),
    state,
  };
}

/** The states in which chunks begin, [batch * chunks, group, dState, channel], and the one after the last; none begin with nothing. */
function betweenChunks(
  kept: Tensor,
  added: Tensor,
  start: Tensor | undefined,
): { before: Tensor | undefined; state: Tensor } {
  const [batch, chunks, ...shape] = added.shape as [number, number, ...number[]];
  if (chunks === 1 && start === undefined) return { before: undefined, state: added.squeeze(1) };
  const step: Step = ([h], [decay, update]) => ({
    carried: [h!.mul(decay!).add(update!)],
    out: [h!],
  });
  const first = start ?? zeros([batch, ...shape]);
  const { carried, out } = alongPositions(step, first, [kept, added], []);
  return { before: positionsSecond(out).reshape([batch * chunks, ...shape]), state: carried };
}

/** Runs a step with one carried tensor and one result over the second axis of the slices; the results are stacked along a first. */
function alongPositions(
  step: Step,
  start: Tensor,
  slices: readonly Tensor[],
  shared: readonly Tensor[],
): { readonly carried: Tensor; readonly out: Tensor } {
  const sliced = slices.map(positionsFirst);
  if (sliced[0]!.shape[0] === 1) {
    // a decoding step needs no loop
    const now = sliced.map((slice) => slice.squeeze(0));
    const { carried, out } = step([start], now, shared);
    return { carried: carried[0]!, out: out[0]!.unsqueeze(0) };
  }
  const { carried, out } = scan(step, { carried: [start], sliced, shared });
  return { carried: carried[0]!, out: out[0]! };
}

function emptyState({ x, B }: Pick<StateSpaceInputs, "x" | "B">): Tensor {
  const [batch, , groups, channels] = x.shape as [number, number, number, number];
  return zeros([batch, groups, B.shape[3]!, channels]);
}

/** [batch, pos, group, n] as [batch, pos, group, 1, n], and as [batch, pos, group, n, 1]. */
const row = (t: Tensor): Tensor => t.unsqueeze(3);
const column = (t: Tensor): Tensor => t.unsqueeze(4);

/** Axes 1 and 2 change places; where one of them has size 1 that moves nothing. */
function turned(t: Tensor): Tensor {
  const [a, b, c, ...rest] = t.shape as [number, number, number, ...number[]];
  if (b === 1 || c === 1) return t.reshape([a, c, b, ...rest]);
  return t.transpose([0, 2, 1, ...rest.map((_, i) => i + 3)]);
}

/** [batch, pos, ...] as [pos, batch, ...]. */
function positionsFirst(t: Tensor): Tensor {
  return turned(t.unsqueeze(0)).squeeze(0);
}

const positionsSecond = positionsFirst;

/**
 * A convolution over earlier positions, each channel by itself, as a sum of shifted products: as fast on one thread as a convolution
 * between two transposes (1.0 ms for 256 positions and 1536 channels), and it shares its work among more.
 *
 * @param x - [batch, pos, channel]
 * @param params - `weight` [channel, 1, width], the last tap that of the position itself; `bias` [channel]
 * @param window - the width - 1 positions before the first, [batch, width - 1, channel]; default: zeros
 * @returns `y` [batch, pos, channel], and the window of what comes next
 */
export function causalConvolution(
  x: Tensor,
  { weight, bias }: LinearParams,
  window?: Tensor,
): { readonly y: Tensor; readonly window: Tensor } {
  const [channels, , width] = weight.shape as [number, number, number];
  const pos = x.shape[1]!;
  const all =
    window === undefined
      ? x.pad({ axis: 1, before: width - 1, after: 0 })
      : concat([window, x], { axis: 1 });
  const taps = weight.reshape([channels, width]).transpose();
  const terms = Array.from({ length: width }, (_, i) => {
    const shifted = i + 1 === width ? x : all.slice({ axis: 1, start: i, end: i + pos });
    return shifted.mul(taps.slice({ axis: 0, start: i, end: i + 1 }));
  });
  const sum = terms.reduce((total, term) => total.add(term));
  return {
    y: bias === undefined ? sum : sum.add(bias),
    window: all.slice({ axis: 1, start: pos }),
  };
}
