import { expect, test } from "vitest";

import { gradients, randn, tensor, type Tensor } from "../runtime/index.ts";
import {
  binaryCrossEntropy,
  countedCrossEntropy,
  crossEntropy,
  entropy,
  fractionUnexplained,
  klDivergence,
  meanAbsoluteError,
  mse,
  negativeLogLikelihood,
} from "./losses.ts";

// The numbers come from torch 2.13.0: F.cross_entropy, F.kl_div, F.binary_cross_entropy_with_logits,
// Categorical.entropy, F.mse_loss and F.l1_loss on these tensors, printed to seven digits.
const X = [
  [1, -2, 0.5, 3],
  [0.1, 0.2, -0.3, 0.4],
  [-5, 2, 2, 0],
];
const Y = [
  [0, 1, -1, 0.5],
  [0.3, 0.3, 0.3, 0.3],
  [1, 2, -3, 0.25],
];
const x = tensor(X);
const y = tensor(Y);
const classes = tensor([2, 0, 1], { dtype: "int32" });

/** 1e-6: float32 values of order 1, printed to seven digits. */
async function expectClose(actual: Tensor, expected: readonly number[]): Promise<void> {
  const values = Array.from(await actual.numbers());
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of values.entries())
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
}

test("crossEntropy is PyTorch's", async () => {
  await expectClose(crossEntropy(x, classes), [1.6261517]);
});

test("the gradient of crossEntropy is PyTorch's", async () => {
  const [dx] = gradients(crossEntropy(x, classes), [x]);
  await expectClose(
    dx!,
    [
      0.0368512, 0.0018347, -0.3109819, 0.272296, -0.2525321, 0.0892992, 0.0541627, 0.1090703,
      0.0001423, -0.1772964, 0.1560369, 0.0211173,
    ],
  );
});

test("label smoothing is PyTorch's, with its gradient", async () => {
  const loss = crossEntropy(x, classes, { labelSmoothing: 0.1 });
  await expectClose(loss, [1.696985]);
  await expectClose(
    gradients(loss, [x])[0]!,
    [
      0.0285179, -0.0064986, -0.2859819, 0.2639626, -0.2275321, 0.0809658, 0.0458293, 0.1007369,
      -0.008191, -0.1522964, 0.1477035, 0.012784,
    ],
  );
});

test("negativeLogLikelihood keeps the axes of the targets", async () => {
  const nats = negativeLogLikelihood(x.reshape([1, 3, 4]), classes.reshape([1, 3]));
  expect(nats.shape).toEqual([1, 3]);
  await expectClose(nats, [2.7022536, 1.4171507, 0.7590505]);
});

test("ignored targets need not be classes, and neither count nor get a gradient", async () => {
  const targets = tensor([2, -100, 1], { dtype: "int32" });
  const loss = crossEntropy(x, targets, { ignore: -100 });
  await expectClose(loss, [1.7306521]);
  const dx = Array.from(await gradients(loss, [x])[0]!.numbers());
  expect(dx.slice(4, 8)).toEqual([0, 0, 0, 0]);
});

test("weights weigh targets, and the count is their sum", async () => {
  const { loss, count } = countedCrossEntropy(x, classes, { weights: tensor([1, 0, 3]) });
  await expectClose(loss, [1.2448514]);
  expect(await count.item()).toBe(4);
});

test("a bool mask counts what is true", async () => {
  const masked = crossEntropy(x, classes, { weights: tensor([true, false, true]) });
  await expectClose(masked, [(2.7022536 + 0.7590505) / 2]);
});

test("a batch without counted targets has a loss of 0 and no gradient", async () => {
  const targets = tensor([-1, -1, -1], { dtype: "int32" });
  const { loss, count } = countedCrossEntropy(x, targets, { ignore: -1 });
  expect(await loss.item()).toBe(0);
  expect(await count.item()).toBe(0);
  expect(new Set(await gradients(loss, [x])[0]!.numbers())).toEqual(new Set([0]));
});

test("crossEntropy of logits a thousand nats apart is exact", async () => {
  const logits = tensor([[1000, -1000, 0]]);
  const loss = crossEntropy(logits, tensor([1], { dtype: "int32" }));
  expect(await loss.item()).toBe(2000);
  expect(Array.from(await gradients(loss, [logits])[0]!.numbers())).toEqual([1, -1, 0]);
});

test("crossEntropy has second derivatives: the Hessian's rows are p (onehot - p)", async () => {
  const logits = tensor([[0.5, -0.25, 1]]);
  const [dx] = gradients(crossEntropy(logits, tensor([0], { dtype: "int32" })), [logits]);
  const [row] = gradients(dx!.slice({ axis: 1, end: 1 }).sum(), [logits]);
  const weights = [0.5, -0.25, 1].map(Math.exp);
  const p = weights.map((w) => w / weights.reduce((a, b) => a + b));
  await expectClose(row!, [p[0]! * (1 - p[0]!), -p[0]! * p[1]!, -p[0]! * p[2]!]);
});

test("klDivergence is PyTorch's, and 0 for equal distributions", async () => {
  await expectClose(klDivergence(x, y), [0.9368593]);
  await expectClose(klDivergence(x, x.add(7)), [0]);
});

test("entropy is PyTorch's", async () => {
  await expectClose(entropy(x), [0.6185173, 1.357193, 0.8887423]);
});

test("binaryCrossEntropy is PyTorch's", async () => {
  await expectClose(binaryCrossEntropy(x, y.sigmoid()), [1.1629848]);
});

test("binaryCrossEntropy takes bools and stays finite at large log-odds", async () => {
  const loss = binaryCrossEntropy(tensor([500, -500]), tensor([false, true]));
  expect(await loss.item()).toBe(500);
});

test("mse and meanAbsoluteError are PyTorch's", async () => {
  // 1e-6 relative: values of order 10
  expect((await mse(x, y).item()) / 6.6652088).toBeCloseTo(1, 6);
  expect((await meanAbsoluteError(x, y).item()) / 1.6875001).toBeCloseTo(1, 6);
});

test("fractionUnexplained is 0 for the data and 1 for its mean", async () => {
  const data = randn([50, 3], { seed: 1 });
  expect(await fractionUnexplained(data, data).item()).toBe(0);
  const mean = data.mean({ axis: 0, keepDims: true }).broadcastTo([50, 3]);
  // 1e-6: float32 sums of 150 squares
  expect(Math.abs((await fractionUnexplained(mean, data).item()) - 1)).toBeLessThan(1e-6);
});

test("targets that do not go with the logits are refused", () => {
  expect(() => crossEntropy(x, tensor([1, 2], { dtype: "int32" })))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: crossEntropy: targets [2] do not go with logits [3, 4].
      fix: give one class number for every row of logits.]
  `);
});

test("weights of another shape are refused", () => {
  expect(() =>
    crossEntropy(x, classes, { weights: tensor([1]) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: crossEntropy: the weights have shape [1], not [3].]`,
  );
});

test("a label smoothing of 1 is refused", () => {
  expect(() => crossEntropy(x, classes, { labelSmoothing: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: crossEntropy: labelSmoothing is 1, not in [0, 1).]`,
  );
});

test("predictions of another shape are refused", () => {
  expect(() => mse(x, tensor([1]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: mse: the targets have shape [1], not [3, 4].]`,
  );
});
