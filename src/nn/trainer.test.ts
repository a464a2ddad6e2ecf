import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { leaves, type Tree } from "../core/tree.ts";
import { tensor, type Tensor } from "../runtime/index.ts";
import { kaimingNormal } from "./init.ts";
import { countedCrossEntropy, crossEntropy, mse } from "./losses.ts";
import { adamW, sgd } from "./optimisers.ts";
import { linearDecay } from "./schedules.ts";
import { train, type TrainOptions, type TrainProgress } from "./trainer.ts";
import type { CheckpointStore, TrainingState } from "./training-state.ts";

/** Two classes of points: inside and outside a circle. */
function points(index: number, count = 32): { x: Tensor; label: Tensor } {
  const rng = new Rng(index + 1);
  const x = Float32Array.from({ length: 2 * count }, () => 2 * rng.uniform() - 1);
  const label = Int32Array.from({ length: count }, (_, i) =>
    Number(x[2 * i]! ** 2 + x[2 * i + 1]! ** 2 < 0.6),
  );
  return { x: tensor(x, { shape: [count, 2] }), label: tensor(label) };
}

type Points = ReturnType<typeof points>;

const mlp = (seed = 1) => ({
  in: { weight: kaimingNormal([16, 2], { seed, gain: 1.4 }), bias: tensor(new Float32Array(16)) },
  out: { weight: kaimingNormal([2, 16], { seed: seed + 1 }), bias: tensor(new Float32Array(2)) },
});

type Mlp = ReturnType<typeof mlp>;

function logitsOf(params: Mlp, x: Tensor, seed?: Tensor): Tensor {
  const hidden = x.linear(params.in.weight, params.in.bias).relu();
  const kept = seed === undefined ? hidden : hidden.dropout({ rate: 0.1, seed });
  return kept.linear(params.out.weight, params.out.bias);
}

const classify = (
  overrides: Partial<TrainOptions<Mlp, Points>> = {},
): TrainOptions<Mlp, Points> => ({
  params: mlp(),
  loss: (params, { x, label }, { seed }) => crossEntropy(logitsOf(params, x, seed), label),
  batches: points,
  optimiser: adamW(),
  schedule: linearDecay({ from: 0.02, to: 0.005, steps: 20 }),
  steps: 20,
  clip: 1,
  ...overrides,
});

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function numbersOf(params: Tree<Tensor>): Promise<Record<string, number[]>> {
  const read: Record<string, number[]> = {};
  for (const [path, p] of leaves<Tensor>(params)) read[path] = Array.from(await p.numbers());
  return read;
}

/** Keeps copies, as a file would. */
function memoryStore(): CheckpointStore & { saved: TrainingState[] } {
  const saved: TrainingState[] = [];
  return {
    saved,
    save: async (state) => {
      const tensors = new Map(
        [...state.tensors].map(([path, { shape, data }]) => [path, { shape, data: data.slice() }]),
      );
      saved.push({ ...state, tensors });
    },
    load: async () => saved.at(-1),
  };
}

test("gradient descent on a quadratic shrinks the distance by 1 - 2 rate at every step", async () => {
  const run = train({
    params: { x: tensor([3, -4]) },
    loss: ({ x }) => x.square().sum(),
    batches: () => [],
    optimiser: sgd(),
    schedule: 0.25,
    steps: 4,
  });
  const records = await toArray(run);
  expect(records.map(({ loss }) => loss)).toEqual([25, 6.25, 1.5625, 0.390625]);
  expect(records.map(({ gradNorm }) => gradNorm)).toEqual([10, 5, 2.5, 1.25]);
  expect(Array.from(await run.params.x.numbers())).toEqual([3 / 16, -4 / 16]);
});

test("a small MLP learns which points lie in a circle", async () => {
  const run = train(classify({ steps: 300, schedule: 0.02 }));
  const records = await toArray(run);
  expect(records[0]!.loss).toBeGreaterThan(0.5);
  const { x, label } = points(-1, 1000);
  const logits = logitsOf(run.params, x);
  const hits = logits.argmax({ axis: 1 }).equal(label).cast("float32").mean();
  expect(await crossEntropy(logits, label).item()).toBeLessThan(0.2);
  expect(await hits.item()).toBeGreaterThan(0.93);
});

test("training leaves the caller's tensors as they were", async () => {
  const params = mlp();
  const before = await numbersOf(params);
  await toArray(train(classify({ params, steps: 5 })));
  expect(await numbersOf(params)).toEqual(before);
});

test("two runs are equal bit for bit, and another seed drops other units", async () => {
  const losses = async (seed: number): Promise<number[]> =>
    (await toArray(train(classify({ seed, steps: 5 })))).map(({ loss }) => loss);
  expect(await losses(1)).toEqual(await losses(1));
  expect(await losses(1)).not.toEqual(await losses(2));
});

/** Token-like batches in which a different number of targets counts each time. */
function ragged(index: number): { x: Tensor; label: Tensor } {
  const { x, label } = points(index, 8);
  const { length } = { length: 2 + (index % 4) * 2 };
  const counted = Array.from({ length: 8 }, (_, i) => i < length);
  return { x, label: label.add(1).mul(tensor(counted).cast("int32")).sub(1) };
}

test("gradients of unequal micro-batches add up to those of one big batch", async () => {
  const loss = (params: Mlp, { x, label }: Points) =>
    countedCrossEntropy(logitsOf(params, x), label, { ignore: -1 });
  const options = { optimiser: sgd({ momentum: 0.9 }), schedule: 0.1, steps: 3, clip: undefined };
  const parts = train(classify({ ...options, loss, batches: ragged, accumulate: 4 }));
  const whole = train(
    classify({
      ...options,
      loss,
      batches: (step) => {
        const four = [0, 1, 2, 3].map((i) => ragged(4 * step + i));
        return {
          x: four[0]!.x.concatWith(
            four.slice(1).map(({ x }) => x),
            0,
          ),
          label: four[0]!.label.concatWith(
            four.slice(1).map(({ label }) => label),
            0,
          ),
        };
      },
    }),
  );
  const [a, b] = [await toArray(parts), await toArray(whole)];
  // 1e-6: float32 sums of 32 terms in another order
  for (const [i, record] of a.entries()) {
    expect(Math.abs(record.loss - b[i]!.loss)).toBeLessThan(1e-6);
    expect(Math.abs(record.gradNorm - b[i]!.gradNorm)).toBeLessThan(1e-6);
  }
  const [p, q] = [await numbersOf(parts.params), await numbersOf(whole.params)];
  for (const [path, values] of Object.entries(p)) {
    for (const [i, value] of values.entries())
      expect(Math.abs(value - q[path]![i]!)).toBeLessThan(1e-6);
  }
});

test("clipping bounds the update but not the norm that is reported", async () => {
  const options = {
    params: { x: tensor([3, -4]) },
    loss: ({ x }: { x: Tensor }) => x.square().sum(),
    batches: () => [],
    optimiser: sgd(),
    schedule: 1,
    steps: 1,
    clip: 5,
  };
  const run = train(options);
  expect((await toArray(run))[0]!.gradNorm).toBe(10);
  expect(Array.from(await run.params.x.numbers())).toEqual([0, 0]);
});

/** Runs until `stopAt` steps were reported, then forgets everything but the store. */
async function interrupted(
  options: TrainOptions<Mlp, Points>,
  stopAt: number,
): Promise<TrainProgress[]> {
  const records: TrainProgress[] = [];
  for await (const record of train(options)) {
    records.push(record);
    if (record.step + 1 === stopAt) break;
  }
  return records;
}

test.each([1, 2])(
  "a run killed twice gives the same losses and parameters (accumulate %i)",
  async (accumulate) => {
    const straight = train(classify({ seed: 5, accumulate }));
    const expected = (await toArray(straight)).map(({ loss }) => loss);
    const store = memoryStore();
    const options = classify({ seed: 5, accumulate, checkpoint: { store, every: 3 } });
    const losses: number[] = [];
    for (const stopAt of [7, 13]) {
      for (const { step, loss } of await interrupted(options, stopAt)) losses[step] = loss;
    }
    const last = train(options);
    const records = await toArray(last);
    for (const { step, loss } of records) losses[step] = loss;
    expect(records[0]!.step).toBe(12);
    expect(losses).toEqual(expected);
    expect(await numbersOf(last.params)).toEqual(await numbersOf(straight.params));
  },
);

test("a finished run that is started again does nothing and has its parameters", async () => {
  const store = memoryStore();
  const first = train(classify({ steps: 4, checkpoint: { store, every: 100 } }));
  await toArray(first);
  const again = train(classify({ steps: 4, checkpoint: { store, every: 100 } }));
  expect(await toArray(again)).toEqual([]);
  expect(await numbersOf(again.params)).toEqual(await numbersOf(first.params));
});

test("a checkpoint of another run is refused with the difference", async () => {
  const store = memoryStore();
  await toArray(train(classify({ steps: 1, checkpoint: { store, every: 1 } })));
  const resume = (overrides: Partial<TrainOptions<Mlp, Points>>): Promise<unknown> =>
    toArray(train(classify({ checkpoint: { store, every: 1 }, ...overrides })));
  await expect(resume({ seed: 9 })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: the checkpoint at step 1 belongs to another run: its seed is 0, not 9.
      fix: give the options of that run, or an empty store.]
  `);
  await expect(resume({ optimiser: sgd() })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: the checkpoint at step 1 belongs to another run: this run has no optimiser.gradSum.in.weight.
      fix: give the options of that run, or an empty store.]
  `);
  const wide = {
    ...mlp(),
    out: { weight: kaimingNormal([3, 16], { seed: 1 }), bias: tensor([0, 0, 0]) },
  };
  await expect(resume({ params: wide })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: the checkpoint at step 1 belongs to another run: its params.out.weight has shape [2, 16], not [3, 16].
      fix: give the options of that run, or an empty store.]
  `);
});

test("a signal stops after the running step and keeps it", async () => {
  const store = memoryStore();
  const stop = new AbortController();
  const run = train(classify({ signal: stop.signal, checkpoint: { store, every: 100 } }));
  const read = async (): Promise<void> => {
    for await (const { step } of run) if (step === 2) stop.abort();
  };
  await expect(read()).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: train: stopped before step 3.]`,
  );
  expect(store.saved.map(({ step }) => step)).toEqual([3]);
});

test("a loss that is not finite stops the run and names the step", async () => {
  const run = train({
    params: { fine: tensor([1]), weights: { w: tensor([0.5]) } },
    // steps of 0.125 lead w from 0.5 to 0 at step 4, where its logarithm is not finite
    loss: ({ fine, weights }) =>
      fine.sum().add(weights.w.sum()).add(weights.w.log().stopGradient().mul(0).sum()),
    batches: () => [],
    optimiser: sgd(),
    schedule: 0.125,
    steps: 10,
  });
  await expect(toArray(run)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: the loss is NaN at step 4, and every gradient is finite.
      fix: lower the learning rate, clip the gradients, or look at the batch of this step.]
  `);
});

test("a gradient that is not finite stops the run although the loss is", async () => {
  const run = train({
    params: { a: tensor([4]), b: tensor([0]) },
    loss: ({ a, b }) => a.sum().add(b.sqrt().sum()),
    batches: () => [],
    optimiser: sgd(),
    schedule: 1,
    steps: 10,
  });
  await expect(toArray(run)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: the loss is 4 at step 0, and the first gradient that is not finite is that of b.
      fix: lower the learning rate, clip the gradients, or look at the batch of this step.]
  `);
});

test("metrics, evaluations and times come with the records they belong to", async () => {
  let now = 0;
  const run = train(
    classify({
      steps: 5,
      loss: (params, { x, label }) => {
        const logits = logitsOf(params, x);
        const loss = crossEntropy(logits, label);
        return { loss, metrics: { twice: loss.mul(2), error: mse(logits, logits) } };
      },
      evaluate: {
        every: 2,
        measure: async (params, step) => ({ step, size: params.in.weight.size }),
      },
      clock: () => (now += 40),
      tokens: ({ label }) => label.size,
    }),
  );
  const records = await toArray(run);
  for (const { loss, metrics, stepMs, tokensPerSecond } of records) {
    expect(metrics).toEqual({ twice: Math.fround(2 * loss), error: 0 });
    expect({ stepMs, tokensPerSecond }).toEqual({ stepMs: 40, tokensPerSecond: 800 });
  }
  expect(records.map(({ evaluation }) => evaluation?.["step"])).toEqual([
    undefined,
    1,
    undefined,
    3,
    4,
  ]);
});

test("without a clock there are no times", async () => {
  const [record] = await toArray(train(classify({ steps: 1, tokens: () => 1 })));
  expect(Object.keys(record!)).toEqual(["step", "loss", "metrics", "learningRate", "gradNorm"]);
});

test("a parameter that the loss does not use is named", async () => {
  const run = train({
    params: { used: tensor([1]), blocks: [{ idle: tensor([1]) }] },
    loss: ({ used }) => used.sum(),
    batches: () => [],
    optimiser: sgd(),
    schedule: 1,
    steps: 1,
  });
  await expect(toArray(run)).rejects.toThrow("blocks.0.idle");
});

test("parameters that are not float32 are refused", () => {
  const params = { blocks: [{ ids: tensor([1], { dtype: "int32" }) }] };
  const options = {
    loss: () => tensor(0),
    batches: () => [],
    optimiser: sgd(),
    schedule: 1,
    steps: 1,
  };
  expect(() => train({ ...options, params })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: train: params.blocks.0.ids is int32, but only float32 tensors can be trained.
      fix: leave out of params what is not to change, and close over it in the loss function.]
  `);
});

test("half a micro-batch is refused", () => {
  expect(() => train(classify({ accumulate: 0.5 }))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: train: accumulate is 0.5, not a whole number of at least 1.]`,
  );
});
