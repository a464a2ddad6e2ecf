import { describe, expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { evaluate, gradients, randn, randomUniform, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { causalConvolution, chunkedScan, everyState, readStates, selectiveScan } from "./ssm.ts";

// float32 sums of at most 150 terms of order 1
const TOLERANCE = 2e-5;

interface Sizes {
  readonly batch: number;
  readonly pos: number;
  readonly groups: number;
  readonly channels: number;
  readonly dState: number;
}

const SIZES: Sizes = { batch: 2, pos: 5, groups: 2, channels: 3, dState: 4 };

/** Inputs of a scan, and a state to start from. */
function inputsOf({ batch, pos, groups, channels, dState }: Sizes) {
  const at = [batch, pos, groups];
  return {
    x: randn([...at, channels], { seed: 1 }),
    dt: randn([...at, channels], { seed: 2 }).square(),
    B: randn([...at, dState], { seed: 3 }),
    C: randn([...at, dState], { seed: 4 }),
    rates: randn([groups, dState, channels], { seed: 5 }).exp().neg(),
    start: randn([batch, groups, dState, channels], { seed: 6 }),
  };
}

/** The recurrence as it is written, in float64: y by [batch][pos][group][channel] and the last state. */
async function reference(
  { batch, pos, groups, channels, dState }: Sizes,
  tensors: Record<"x" | "dt" | "B" | "C" | "rates" | "start", Tensor>,
) {
  const numbers = async (t: Tensor): Promise<Float64Array> => Float64Array.from(await t.numbers());
  const [x, dt, B, C] = await Promise.all(
    [tensors.x, tensors.dt, tensors.B, tensors.C].map(numbers),
  );
  const a = await numbers(tensors.rates);
  const h = await numbers(tensors.start);
  const y: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < pos; t++)
      for (let g = 0; g < groups; g++)
        for (let d = 0; d < channels; d++) {
          const at = ((b * pos + t) * groups + g) * channels + d;
          let sum = 0;
          for (let n = 0; n < dState; n++) {
            const to = ((b * groups + g) * dState + n) * channels + d;
            const from = ((b * pos + t) * groups + g) * dState + n;
            const decay = Math.exp(dt![at]! * a[(g * dState + n) * channels + d]!);
            h[to] = decay * h[to]! + dt![at]! * B![from]! * x![at]!;
            sum += C![from]! * h[to];
          }
          y.push(sum);
        }
  return { y, state: [...h] };
}

describe("selectiveScan", () => {
  test.each([SIZES, { ...SIZES, batch: 1 }, { ...SIZES, pos: 1 }])(
    "equals the recurrence in plain loops for %o",
    async (sizes) => {
      const { rates, start, ...inputs } = inputsOf(sizes);
      const { y, state } = selectiveScan(inputs, rates, start);
      const want = await reference(sizes, { ...inputs, rates, start });
      expect(y.shape).toEqual(inputs.x.shape);
      expect(maxDifference(await y.numbers(), want.y)).toBeLessThan(TOLERANCE);
      expect(maxDifference(await state.numbers(), want.state)).toBeLessThan(TOLERANCE);
    },
  );

  test("reading every state gives the same, and the last of them is the one it ends with", async () => {
    const { rates, start, ...inputs } = inputsOf(SIZES);
    const { y, state } = selectiveScan(inputs, rates, start);
    const states = everyState(inputs, rates, start);
    const { batch, pos, groups, channels, dState } = SIZES;
    expect(states.shape).toEqual([batch, pos, groups, channels, dState]);
    expect(
      maxDifference(await readStates(states, inputs.C).numbers(), await y.numbers()),
    ).toBeLessThan(TOLERANCE);
    const last = states.slice({ axis: 1, start: -1 }).squeeze(1).transpose([0, 1, 3, 2]);
    expect(await last.data()).toEqual(await state.data());
  });

  test("its gradients equal differences", async () => {
    const { rates, start, ...inputs } = inputsOf(SIZES);
    const tensors = { ...inputs, rates, start };
    await checkGradients(tensors, ({ rates: a, start: from, ...rest }) => {
      const { y, state } = selectiveScan(rest, a, from);
      return y.sin().sum().add(state.square().sum());
    });
  });
});

describe("chunkedScan", () => {
  const dHead = 2;
  /** Heads of a group side by side, and the same as channels for the other functions. */
  function headInputs(pos: number) {
    const [batch, groups, nHeads, dState] = [2, 2, 4, 3];
    const inputs = {
      x: randn([batch, pos, nHeads, dHead], { seed: 1 }),
      dt: randn([batch, pos, nHeads], { seed: 2 }).square(),
      B: randn([batch, pos, groups, dState], { seed: 3 }),
      C: randn([batch, pos, groups, dState], { seed: 4 }),
    };
    const rates = randn([nHeads], { seed: 5 }).exp().neg();
    const start = randn([batch, groups, dState, (nHeads / groups) * dHead], { seed: 6 });
    const channels = (t: Tensor): Tensor =>
      t
        .unsqueeze(-1)
        .broadcastTo([...t.shape, dHead])
        .reshape([...t.shape.slice(0, -1), groups, -1]);
    const asChannels = {
      ...inputs,
      x: inputs.x.reshape([batch, pos, groups, -1]),
      dt: channels(inputs.dt),
    };
    return { inputs, rates, start, asChannels, channelRates: channels(rates).unsqueeze(1) };
  }

  // shorter than a chunk, one chunk, several, several and a part
  test.each([1, 5, 64, 128, 150])("of %i positions equals the loop", async (pos) => {
    const { inputs, rates, start, asChannels, channelRates } = headInputs(pos);
    const found = chunkedScan(inputs, rates, start);
    const want = selectiveScan(
      asChannels,
      channelRates.add(start.slice({ axis: 0, end: 1 }).squeeze(0).mul(0)),
      start,
    );
    expect(found.y.shape).toEqual(inputs.x.shape);
    await evaluate([found.y, found.state, want.y, want.state]);
    expect(maxDifference(await found.y.numbers(), await want.y.numbers())).toBeLessThan(TOLERANCE);
    expect(maxDifference(await found.state.numbers(), await want.state.numbers())).toBeLessThan(
      TOLERANCE,
    );
  });

  test("without a start begins with an empty state", async () => {
    const { inputs, rates, start } = headInputs(5);
    const found = chunkedScan(inputs, rates);
    const want = chunkedScan(inputs, rates, start.zerosLike());
    expect(maxDifference(await found.y.numbers(), await want.y.numbers())).toBeLessThan(TOLERANCE);
  });

  test("strong decays leave no infinity and no NaN, and weak ones after them are exact", async () => {
    const { inputs, rates } = headInputs(128);
    const isLate = tensor(Float32Array.from({ length: 128 }, (_, i) => Number(i >= 32)));
    // e^-1000 a position at first, then next to nothing
    const dt = isLate.mul(-1000).add(1000.001).reshape([1, 128, 1]).broadcastTo(inputs.dt.shape);
    const x = inputs.x.div(dt.unsqueeze(-1));
    const one = rates.onesLike().neg();
    const { y } = chunkedScan({ ...inputs, x, dt }, one);
    const late = (t: Tensor): Tensor => t.slice({ axis: 1, start: 32 });
    const { B, C } = inputs;
    const just = (t: Tensor): Tensor => t.slice({ axis: 1, start: 31, end: 32 });
    const forgetful = chunkedScan({ x: just(x), B: just(B), C: just(C), dt: just(dt) }, one);
    const want = chunkedScan(
      { x: late(x), B: late(B), C: late(C), dt: late(dt) },
      one,
      forgetful.state,
    ).y;
    expect(maxDifference(await late(y).numbers(), await want.numbers())).toBeLessThan(TOLERANCE);
  });

  test("its gradients equal differences", async () => {
    const { inputs, rates, start } = headInputs(3);
    await checkGradients({ ...inputs, rates, start }, ({ rates: a, start: from, ...rest }) => {
      const { y, state } = chunkedScan(rest, a, from);
      return y.sin().sum().add(state.square().sum());
    });
  });
});

describe("causalConvolution", () => {
  const x = randn([2, 6, 3], { seed: 1 });
  const params = { weight: randn([3, 1, 4], { seed: 2 }), bias: randn([3], { seed: 3 }) };

  test("equals a depthwise convolution padded on the left", async () => {
    const { y } = causalConvolution(x, params);
    const options = { bias: params.bias, groups: 3, padding: [[3, 0]] as const };
    const want = x.transpose([0, 2, 1]).conv1d(params.weight, options).transpose([0, 2, 1]);
    expect(maxDifference(await y.numbers(), await want.numbers())).toBeLessThan(TOLERANCE);
  });

  // also parts shorter than the window
  test.each([1, 2, 5])("goes on from its window after %i positions", async (first) => {
    const whole = causalConvolution(x, params).y;
    const { window } = causalConvolution(x.slice({ axis: 1, end: first }), params);
    const rest = causalConvolution(x.slice({ axis: 1, start: first }), params, window).y;
    const want = whole.slice({ axis: 1, start: first });
    expect(maxDifference(await rest.numbers(), await want.numbers())).toBeLessThan(TOLERANCE);
  });
});

/** Compares gradients with central differences along a random direction of every input. */
async function checkGradients<Name extends string>(
  tensors: Record<Name, Tensor>,
  of: (tensors: Record<Name, Tensor>) => Tensor,
): Promise<void> {
  const names = Object.keys(tensors) as Name[];
  const found = gradients(
    of(tensors),
    names.map((name) => tensors[name]),
  );
  const wrong: string[] = [];
  for (const [i, name] of names.entries()) {
    const direction = randomUniform(tensors[name].shape, i);
    const step = 2 ** -6;
    const moved = (h: number): Tensor =>
      of({ ...tensors, [name]: tensors[name].add(direction.mul(h)) });
    // Richardson: of two central differences, one with half the step
    const slope = (h: number): Tensor =>
      moved(h)
        .sub(moved(-h))
        .div(2 * h);
    const want = await slope(step / 2)
      .mul(4 / 3)
      .sub(slope(step).mul(1 / 3))
      .item();
    const got = await found[i]!.mul(direction).sum().item();
    // outputs of order 100 in float32, over a step of 1/64
    if (!(Math.abs(got - want) < 2e-3 * Math.max(1, Math.abs(want))))
      wrong.push(`${name}: ${got}, not ${want}`);
  }
  expect(wrong).toEqual([]);
}
