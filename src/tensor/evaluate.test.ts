import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  collect,
  compile,
  concat,
  evaluate,
  printGraph,
  randn,
  tensor,
  zeros,
} from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

/** `fn` and the number of times it was traced. */
function counted<A extends readonly unknown[], R>(fn: (...args: A) => R) {
  const count = { traces: 0 };
  const traced = (...args: A): R => {
    count.traces += 1;
    return fn(...args);
  };
  return { traced, count };
}

test("evaluate keeps values, and graphs built later start there", async () => {
  const x = randn([3], { seed: 1 });
  const y = x.exp();
  const [same] = await evaluate([y]);
  expect(same).toBe(y);
  expect(y.value).toBeDefined();
  expect(printGraph(collect([y.neg()]))).toBe(printGraph(collect([x.neg()])));
  const kept = y.value;
  await evaluate([y, y.neg()]);
  expect(y.value).toBe(kept);
});

test("a tensor asked for twice, leaves and several outputs of one op come out right", async () => {
  const x = tensor([3, 1, 2]);
  const { values, indices } = x.sort({ axis: 0 });
  await evaluate([values, indices, values, x]);
  expect(await values.data()).toEqual(Float32Array.of(1, 2, 3));
  expect(await indices.data()).toEqual(Int32Array.of(1, 2, 0));
});

test("evaluating at the same time gives each its own result", async () => {
  const x = tensor([1, 2]);
  const ys = Array.from({ length: 8 }, (_, i) => x.mul(i + 1));
  const datas = await Promise.all(ys.map((y) => y.numbers()));
  expect(datas.map(([first]) => first)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("numbers converts int64, bool and float16", async () => {
  expect(await tensor(BigInt64Array.of(-1n, 5n)).numbers()).toEqual(Float64Array.of(-1, 5));
  expect(await tensor([true, false]).numbers()).toEqual(Float64Array.of(1, 0));
  expect(await tensor([0.5, -2]).cast("float16").numbers()).toEqual(Float32Array.of(0.5, -2));
});

test("item of more than one element is refused", async () => {
  expect(await tensor([[7]]).item()).toBe(7);
  await expect(zeros([2, 1]).item()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: item: the tensor has 2 elements, in shape [2, 1], not one.
      fix: read all of them with data(), or reduce first.]
  `);
});

test("a compiled function is traced again for another shape or type, and only then", async () => {
  const { traced, count } = counted((x: Tensor) => x.mul(2));
  const fn = compile(traced);
  expect(await (await fn(tensor([1, 2]))).data()).toEqual(Float32Array.of(2, 4));
  expect(await (await fn(tensor([3, 4]))).data()).toEqual(Float32Array.of(6, 8));
  expect(count.traces).toBe(1);
  await fn(tensor([[1, 2]]));
  await fn(tensor([1, 2], { dtype: "int32" }));
  expect(count.traces).toBe(3);
  await fn(tensor([9, 9]));
  expect(count.traces).toBe(3);
});

test("calls before the first is ready share one trace", async () => {
  const { traced, count } = counted((x: Tensor) => x.add(1));
  const fn = compile(traced);
  const results = await Promise.all([1, 2, 3].map(async (v) => (await fn(tensor(v))).item()));
  expect(results).toEqual([2, 3, 4]);
  expect(count.traces).toBe(1);
});

test("a function that fails to trace is traced again at the next call", async () => {
  let isBroken = true;
  const fn = compile((x: Tensor) => {
    if (isBroken) throw new RangeError("not yet");
    return x.neg();
  });
  await expect(fn(tensor(1))).rejects.toThrow("not yet");
  isBroken = false;
  expect(await (await fn(tensor(1))).item()).toBe(-1);
});

test("arguments and results are trees", async () => {
  const fn = compile(({ w, b }: { w: Tensor; b: readonly Tensor[] }, x: Tensor) => ({
    sum: w.add(b[0]!).add(x),
    parts: [b[1]!.neg(), { again: x.mul(3) }] as const,
  }));
  const out = await fn({ w: tensor(1), b: [tensor(10), tensor(5)] }, tensor(100));
  expect(await out.sum.item()).toBe(111);
  expect(await out.parts[0].item()).toBe(-5);
  expect(await out.parts[1].again.item()).toBe(300);
});

test("what a function closes over is held as it was at the first call", async () => {
  let scale = tensor(10);
  const lazy = tensor(1).add(1);
  const fn = compile((x: Tensor) => x.mul(scale).add(lazy));
  expect(await (await fn(tensor(1))).item()).toBe(12);
  scale = tensor(1000);
  expect(await (await fn(tensor(2))).item()).toBe(22);
});

test("arguments, constants and one result twice may be returned", async () => {
  const outside = tensor([7]);
  const fn = compile((x: Tensor) => {
    const y = x.add(1);
    return [x, y, y, outside, zeros([1])];
  });
  const out = await fn(tensor([5]));
  const values = await Promise.all(out.map((t) => t.item()));
  expect(values).toEqual([5, 6, 6, 7, 0]);
});

test("a function that computes nothing hands its arguments around", async () => {
  const fn = compile((x: Tensor, y: Tensor) => [y, x]);
  const x = tensor([1]);
  const y = tensor([2]);
  expect(await fn(x, y)).toEqual([y, x]);
});

test("lazy arguments are computed once before the call", async () => {
  const x = tensor([1]).exp();
  const fn = compile((v: Tensor) => v.log());
  expect(await (await fn(x)).item()).toBeCloseTo(1, 6);
  expect(x.value).toBeDefined();
});

// Just above the size from which results are written into arrays of ours (1 MiB), so that memory is really reused.
const LARGE = (1 << 18) + 1;
const fill = (value: number): Tensor => tensor(new Float32Array(LARGE).fill(value));

test("donated memory holds the result of a later call", async () => {
  const step = compile((x: Tensor) => x.add(1), { donate: [0] });
  const buffers = new Set<ArrayBufferLike>();
  let x = fill(0);
  for (let i = 0; i < 10; i++) {
    x = await step(x);
    buffers.add((await x.data()).buffer);
  }
  expect(await x.max().item()).toBe(10);
  expect(await x.min().item()).toBe(10);
  expect(buffers.size).toBeLessThan(4);
});

test("without donation no result is written over", async () => {
  const step = compile((x: Tensor) => x.add(1));
  const chain = [fill(0)];
  for (let i = 0; i < 6; i++) chain.push(await step(chain.at(-1)!));
  const maxima = await Promise.all(chain.map((x) => x.max().item()));
  expect(maxima).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test("chains of donated calls equal the same calls without donation", async () => {
  const trees = {
    update: (s: { p: Tensor; m: Tensor }, g: Tensor) => {
      const m = s.m.mul(0.5).add(g);
      return { p: s.p.sub(m), m };
    },
    swap: (s: { p: Tensor; m: Tensor }, g: Tensor) => ({ p: s.m.add(g), m: s.p }),
    keep: (s: { p: Tensor; m: Tensor }, g: Tensor) => ({ p: s.p, m: g.sub(s.m) }),
    twice: (s: { p: Tensor; m: Tensor }, g: Tensor) => {
      const both = s.p.add(s.m).mul(0.5).add(g);
      return { p: both, m: both };
    },
  };
  const names = Object.keys(trees) as (keyof typeof trees)[];
  const plain = Object.fromEntries(names.map((name) => [name, compile(trees[name])]));
  const given = Object.fromEntries(
    names.map((name) => [name, compile(trees[name], { donate: [0] })]),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...names), { minLength: 3, maxLength: 8 }),
      async (calls) => {
        const g = fill(0.25);
        let a = { p: fill(1), m: fill(2) };
        let b = { p: fill(1), m: fill(2) };
        for (const name of calls) {
          a = await plain[name]!(a, g);
          b = await given[name]!(b, g);
        }
        const gap = concat([a.p.sub(b.p), a.m.sub(b.m)], { axis: 0 })
          .abs()
          .max();
        expect(await gap.item()).toBe(0);
        expect(await g.min().item()).toBe(0.25);
        expect(await g.max().item()).toBe(0.25);
      },
    ),
    { seed: 1, numRuns: 15 },
  );
});

test("a tensor given up in one place and kept in another is kept", async () => {
  const step = compile((x: Tensor, y: Tensor) => x.add(y), { donate: [0] });
  const x = fill(1);
  let y = await step(x, x);
  y = await step(y, x);
  y = await step(y, x);
  expect(await y.max().item()).toBe(4);
  expect(await x.max().item()).toBe(1);
});

test("what a function closes over survives being donated to it", async () => {
  const w = fill(2);
  const step = compile((x: Tensor) => x.add(w), { donate: [0] });
  let x = await step(w);
  for (let i = 0; i < 3; i++) x = await step(x);
  expect(await x.max().item()).toBe(10);
  expect(await w.max().item()).toBe(2);
});

test("an argument that is returned unchanged survives its donation", async () => {
  const step = compile((x: Tensor, y: Tensor) => ({ x, y: y.add(x) }), { donate: [0, 1] });
  const first = await step(fill(3), fill(1));
  const second = await step(first.x, first.y);
  const third = await step(second.x, second.y);
  expect(await third.x.min().item()).toBe(3);
  expect(await third.x.max().item()).toBe(3);
  expect(await third.y.max().item()).toBe(10);
});
