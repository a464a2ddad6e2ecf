import { expect, test } from "vitest";

import {
  account,
  checkpoint,
  customGradient,
  evaluate,
  float16Codec,
  gradients,
  identity,
  int8Codec,
  randn,
  saveAs,
  stopGradient,
  straightThrough,
  tensor,
} from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

test("stopGradient keeps the values and lets nothing flow back", async () => {
  const x = tensor([2, 3]);
  const y = x.stopGradient().mul(x);
  expect(await y.data()).toEqual(Float32Array.of(4, 9));
  expect(await gradients(y.sum(), [x])[0]!.data()).toEqual(Float32Array.of(2, 3));
  expect(() => gradients(stopGradient(x).sum(), [x])).toThrow("does not depend on");
});

test("a gradient at an identity is that of its own users only", async () => {
  const x = tensor(3);
  const view = identity(x);
  const [dView, dx] = gradients(x.square().add(view.mul(10)), [view, x]);
  expect(await dView!.item()).toBe(10);
  expect(await dx!.item()).toBe(16);
});

test("a custom gradient replaces the function's own and keeps its values", async () => {
  const doubled = customGradient(
    (x: Tensor, y: Tensor) => x.mul(y),
    ({ inputs: [x], output, cotangent }) => [cotangent.mul(output), cotangent.mul(x!).mul(2)],
  );
  const x = tensor(3);
  const y = tensor(5);
  const z = doubled(x, y);
  expect(await z.item()).toBe(15);
  const [dx, dy] = gradients(z, [x, y]);
  expect(await dx!.item()).toBe(15);
  expect(await dy!.item()).toBe(6);
});

test("a custom rule may return null for what gets nothing", () => {
  const blind = customGradient(
    (x: Tensor) => x.exp(),
    () => [null],
  );
  const x = tensor(1);
  expect(() => gradients(blind(x), [x])).toThrow("does not depend on");
});

test("straightThrough rounds forward and is the identity backward", async () => {
  const x = tensor([0.4, 1.6]);
  const y = straightThrough((v) => v.round())(x);
  expect(await y.data()).toEqual(Float32Array.of(0, 2));
  const [dx] = gradients(y.square().sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(0, 4));
});

const d = 16;
const x = randn([8, d], { seed: 1 });
const w1 = randn([4 * d, d], { seed: 2, scale: 0.2 });
const w2 = randn([d, 4 * d], { seed: 3, scale: 0.2 });
/** Closes over its weights. */
const block = (h: Tensor): Tensor => h.add(h.layerNorm().linear(w1).gelu().linear(w2));

/** The loss after four blocks, and its gradients. */
function trained(apply: (h: Tensor) => Tensor): { loss: Tensor; grads: Tensor[] } {
  let h = x.mul(1);
  for (let i = 0; i < 4; i++) h = apply(h);
  const loss = h.square().mean();
  return { loss, grads: gradients(loss, [x, w1, w2]) };
}

async function expectSameGradients(a: readonly Tensor[], b: readonly Tensor[]): Promise<void> {
  await evaluate([...a, ...b]);
  for (const [i, grad] of a.entries()) {
    const scale = await grad.abs().max().item();
    const gap = await grad.sub(b[i]!).abs().max().item();
    // 1e-5: float32, the same operations in another order of accumulation
    expect(gap).toBeLessThan(1e-5 * scale);
    expect(scale).toBeGreaterThan(1e-3);
  }
}

test("a checkpoint has the gradients of the function, also at what it closes over", async () => {
  const plain = trained(block);
  const lean = trained(checkpoint(block));
  expect(await lean.loss.item()).toBe(await plain.loss.item());
  await expectSameGradients(plain.grads, lean.grads);
});

test("checkpoints inside checkpoints have the same gradients too", async () => {
  const inner = checkpoint(block);
  await expectSameGradients(
    trained((h) => block(block(h))).grads,
    trained(checkpoint((h: Tensor) => inner(inner(h)))).grads,
  );
});

test("a checkpoint has second derivatives", async () => {
  const cube = (v: Tensor): Tensor => v.pow(3);
  const v = tensor([1, 2]).mul(1);
  const second = (fn: (t: Tensor) => Tensor): Tensor =>
    gradients(gradients(fn(v).sum(), [v])[0]!.sum(), [v])[0]!;
  expect(await second(checkpoint(cube)).data()).toEqual(Float32Array.of(6, 12));
  expect(await second(cube).data()).toEqual(Float32Array.of(6, 12));
});

test("a checkpoint of leaves, constants or nothing at all has its gradients", async () => {
  const v = tensor([1, 2]);
  const [dv] = gradients(checkpoint((t: Tensor) => t.mul(tensor([3, 4])).add(1))(v).sum(), [v]);
  expect(await dv!.data()).toEqual(Float32Array.of(3, 4));
  expect(await gradients(checkpoint((t: Tensor) => t)(v).sum(), [v])[0]!.data()).toEqual(
    Float32Array.of(1, 1),
  );
});

test("a checkpoint keeps fewer bytes for the backward pass and peaks lower", () => {
  const plain = trained(block);
  const lean = trained(checkpoint(block));
  const before = account([plain.loss, ...plain.grads]);
  const after = account([lean.loss, ...lean.grads]);
  // a checkpoint keeps the input of each block; the block keeps four times its width several times over
  expect(after.savedBytes).toBeLessThan(before.savedBytes / 4);
  expect(after.peakBytes).toBeLessThan(before.peakBytes);
  expect(after.flops).toBeGreaterThan(before.flops);
});

/** y = sum of c * u^2 with u kept in a codec's form: forward exact, gradient 2 c decode(u). */
function squared(wrap: (u: Tensor) => Tensor) {
  const v = randn([4, 64], { seed: 5 });
  const u = v.add(0);
  const kept = wrap(u);
  const y = kept.square().sum();
  return { v, u, y, dv: gradients(y, [v])[0]! };
}

test("float16Codec leaves the forward pass exact and the gradient within half a unit of eleven bits", async () => {
  const exact = squared((u) => u);
  const kept = squared((u) => saveAs(u, float16Codec));
  expect(await kept.y.item()).toBe(await exact.y.item());
  const relative = kept.dv.sub(exact.dv).div(exact.dv).abs().max();
  // 2^-11: rounding to eleven bits; nothing drawn here is below float16's normal range (6e-5)
  expect(await relative.item()).toBeLessThanOrEqual(2 ** -11 + 1e-7);
  expect(await relative.item()).toBeGreaterThan(0);
});

test("int8Codec leaves the forward pass exact and the gradient within half a step of its row", async () => {
  const exact = squared((u) => u);
  const kept = squared((u) => saveAs(u, int8Codec));
  expect(await kept.y.item()).toBe(await exact.y.item());
  // a step is max|u| / 127, so |decode(u) - u| <= max|u| / 254, and the gradient is 2 u
  const bound = exact.u
    .abs()
    .max({ axis: -1, keepDims: true })
    .mul(2 / 254);
  const excess = kept.dv.sub(exact.dv).abs().div(bound).max();
  expect(await excess.item()).toBeLessThanOrEqual(1 + 1e-4);
  expect(await excess.item()).toBeGreaterThan(0.5);
});

test("codecs keep a half and a quarter of the bytes", () => {
  const saved = (wrap: (u: Tensor) => Tensor): number => {
    const { y, dv } = squared(wrap);
    return account([y, dv]).savedBytes;
  };
  const whole = saved((u) => u);
  expect(whole).toBe(4 * 64 * 4);
  expect(saved((u) => saveAs(u, float16Codec))).toBe(whole / 2);
  expect(saved((u) => saveAs(u, int8Codec))).toBe(whole / 4 + 4 * 4); // and one scale a row
});

test("a codec that gives back another shape is refused", () => {
  const v = randn([2, 3], { seed: 1 });
  const codec = { encode: (t: Tensor) => [t], decode: ([t]: readonly Tensor[]) => t!.transpose() };
  expect(() => gradients(saveAs(v, codec).square().sum(), [v])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveAs: the codec decoded float32[3, 2] from float32[2, 3].
      fix: return the shape and type that was encoded.]
  `);
});
