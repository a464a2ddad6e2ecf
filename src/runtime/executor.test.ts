import type * as Ort from "onnxruntime-common";
import { expect, test } from "vitest";

import { fromValue, valueOf } from "../tensor/leaf.ts";
import type { Backend } from "./backend.ts";
import { OrtExecutor } from "./executor.ts";
import { collect, configure, gradients, tensor } from "./index.ts";
import type { Tensor } from "./index.ts";
import { backend } from "./node.ts";

/** The real backend, with a count of the sessions it opened and released. */
function countingBackend(): { counted: Backend; count: { opened: number; released: number } } {
  const count = { opened: 0, released: 0 };
  const create = async (bytes: Uint8Array, options?: Ort.InferenceSession.SessionOptions) => {
    const session = await backend.ort.InferenceSession.create(bytes, options);
    count.opened += 1;
    const release = session.release.bind(session);
    session.release = async () => {
      count.released += 1;
      await release();
    };
    return session;
  };
  const ort = { ...backend.ort, InferenceSession: { create } } as unknown as typeof Ort;
  return { counted: { ...backend, ort }, count };
}

async function compute(executor: OrtExecutor, y: Tensor): Promise<number> {
  const graph = collect([y]);
  const executable = await executor.prepare(graph);
  const [value] = await executable.run(graph.inputs.map((input) => valueOf("test", input)));
  return fromValue(value!).item();
}

test("one computation is one session, whatever data it runs on and however often", async () => {
  const { counted, count } = countingBackend();
  const executor = new OrtExecutor(counted);
  const results = await Promise.all([1, 2, 3].map((v) => compute(executor, tensor(v).mul(2))));
  expect(results).toEqual([2, 4, 6]);
  expect(await compute(executor, tensor(9).mul(2))).toBe(18);
  expect(count.opened).toBe(1);
});

test("200 distinct graphs keep fewer than 100 sessions, and the oldest can run again", async () => {
  const { counted, count } = countingBackend();
  const executor = new OrtExecutor(counted);
  const graph = collect([tensor(1).add(1000)]);
  const first = await executor.prepare(graph);
  for (let i = 0; i < 200; i++) expect(await compute(executor, tensor(1).add(i))).toBe(1 + i);
  expect(count.opened).toBe(201);
  expect(count.opened - count.released).toBeLessThan(100);
  expect(count.opened - count.released).toBeGreaterThan(50);
  const [value] = await first.run(graph.inputs.map((input) => valueOf("test", input)));
  expect(await value!.read()).toEqual(Float32Array.of(1001));
  expect(count.opened).toBe(202);
});

test("a graph that is used again and again is not the one that goes", async () => {
  const { counted, count } = countingBackend();
  const executor = new OrtExecutor(counted);
  for (let i = 0; i < 150; i++) {
    await compute(executor, tensor(1).sub(i));
    await compute(executor, tensor(1).neg());
  }
  expect(count.opened).toBe(151);
});

test("configuring anew releases the sessions and changes no result", async () => {
  const { counted, count } = countingBackend();
  const executor = new OrtExecutor(counted);
  expect(await compute(executor, tensor(3).square())).toBe(9);
  await executor.configure({ threads: 1 });
  expect(await compute(executor, tensor(3).square())).toBe(9);
  expect(count).toEqual({ opened: 2, released: 1 });
});

test("devices that do not exist here and broken thread counts are refused", async () => {
  await expect(configure({ device: "wasm" })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: configure: device "wasm" does not exist on this platform; it has cpu, cuda, webgpu.]`,
  );
  await expect(configure({ device: "tpu" as "cpu" })).rejects.toThrow(
    'device "tpu" does not exist',
  );
  await expect(configure({ threads: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: configure: threads is 0, not a whole number of at least 1.]`,
  );
  await expect(configure({ threads: 1.5 })).rejects.toThrow("threads is 1.5");
  expect(await tensor(2).mul(3).item()).toBe(6);
});

test("a run that fails names the op and the line that made it", async () => {
  const x = tensor([1, 2, 3]);
  const index = tensor([7], { dtype: "int32" });
  const failing = x.mul(2).gather(index);
  await expect(failing.data()).rejects.toThrow(
    /^run: ONNX Runtime \(cpu\) failed at gather \(gather\), traced from .*executor\.test\.ts:\d+: /,
  );
  // The same computation again, by another name: the session is the old one, the name is the new one.
  const named = x.mul(2).gather(index).named("blocks.3.lookup");
  await expect(named.data()).rejects.toMatchObject({
    code: "RUNTIME_FAILED",
    facts: { device: "cpu", op: "gather", label: "blocks.3.lookup" },
  });
});

test("a run that fails in the backward pass names the user's line too", async () => {
  const x = tensor([1, 2, 3]);
  const y = x.gather(tensor([7], { dtype: "int32" }));
  const [dx] = gradients(y.sum(), [x]);
  await expect(dx!.data()).rejects.toThrow(/traced from .*executor\.test\.ts:\d+: /);
});

test("a node that was moved to save work still names the line that made it", async () => {
  const part = tensor([1, 2, 3]).exp().slice({ axis: 0, end: 2 });
  const y = part.gather(tensor([7], { dtype: "int32" })).named("lookup");
  await expect(y.data()).rejects.toThrow(
    / at lookup \(gather\), traced from .*executor\.test\.ts:/,
  );
});

test("after a failed run the next one works", async () => {
  const x = tensor([1, 2, 3]);
  const broken = x.gather(tensor([5], { dtype: "int32" }));
  const results = await Promise.allSettled([broken.data(), x.sum().item()]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
});

test("a device that is offered but missing is refused at once, and work goes on where it was", async () => {
  const outcome = await configure({ device: "cuda" }).then(
    () => "it runs",
    (error: Error) => error.message,
  );
  // either way, what follows runs
  expect(outcome).toMatch(/^it runs$|^configure: this computer cannot run on cuda/);
  expect(await tensor([1, 2]).mul(2).numbers()).toEqual(Float32Array.of(2, 4));
  await configure({ device: "cpu" });
});
