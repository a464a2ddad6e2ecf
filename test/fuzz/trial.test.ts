import { expect, test } from "vitest";

import { PatchClampError } from "../../src/core/errors.ts";
import { memoryFiles } from "../../src/core/files.ts";
import { countAllocations } from "./allocations.ts";
import { countingReads, Trial } from "./trial.ts";
import { Watchdog } from "./watchdog.ts";

const run = async (act: () => unknown, inputBytes = 0): Promise<string> => {
  using allocated = countAllocations();
  using watchdog = new Watchdog();
  return new Trial(allocated, watchdog).run(act, { inputBytes });
};

const bytesOf = (act: () => unknown): number => {
  using allocated = countAllocations();
  act();
  return allocated.bytes();
};

const whole = new Uint8Array(64);

test.each<[string, number, () => unknown]>([
  ["a length", 80, () => new Float32Array(20)],
  ["a length that is more than there is", 2 ** 50, () => tried(() => new ArrayBuffer(2 ** 50))],
  ["a copy", 64, () => new Uint8Array(whole)],
  ["a copy of numbers", 8, () => Uint16Array.from([1, 2, 3, 4])],
  ["a part", 32, () => whole.slice(32)],
  ["a result of map", 64, () => whole.map((x) => x + 1)],
  ["a view", 0, () => new Float32Array(whole.buffer, 8, 2)],
  ["a part that is a view", 0, () => whole.subarray(8)],
])("%s counts as %d bytes", (_case, bytes, act) => {
  expect(bytesOf(act)).toBe(bytes);
});

const tried = (act: () => unknown): void => {
  try {
    act();
  } catch {
    // what it asked for is what counts
  }
};

test("counting leaves the constructors as they were", () => {
  const before = [ArrayBuffer, Float32Array, whole.constructor];
  bytesOf(() => whole.slice());
  expect([ArrayBuffer, Float32Array, whole.constructor]).toEqual(before);
  expect(before[2]).toBe(Uint8Array);
});

test("a case ends in a result or a PatchClampError, and in nothing else", async () => {
  const refusal = new PatchClampError("BAD_FILE", { where: "t", problem: "no." });
  expect(await run(() => 1)).toBe("accepted");
  expect(await run(() => Promise.reject(refusal))).toBe("refused");
  const mistake = (): unknown => (undefined as unknown as { x: number }).x;
  await expect(run(mistake)).rejects.toThrow(TypeError);
});

test("a case that takes more than a second, twice its input or many objects fails", async () => {
  const busy = (): void => {
    const start = process.cpuUsage();
    let x = 0;
    while (process.cpuUsage(start).user < 1_100_000)
      for (let i = 0; i < 1e6; i++) x += Math.sqrt(i);
    expect(x).toBeGreaterThan(0);
  };
  await expect(run(busy)).rejects.toThrow(/^it took \d+(\.\d+)? ms; the limit is 1000$/);
  const kept: unknown[] = [];
  await expect(run(() => kept.push(new Uint8Array(2 ** 18)), 1000)).rejects.toThrow(
    "it took 262144 bytes; the limit is 6096",
  );
  expect(await run(() => kept.push(new Uint8Array(2 ** 18)), 2 ** 17)).toBe("accepted");
  const many = (): unknown =>
    kept.push(Array.from({ length: 2 ** 21 }, (_, i) => ({ i, twice: 2 * i })));
  await expect(run(many)).rejects.toThrow(/ heap; the limit is /);
});

test("reads are counted by the bytes that they ask for", async () => {
  const files = countingReads(memoryFiles({ a: "12345678" }));
  await files.read("a");
  await files.readRange("a", 2, 5);
  expect(files.bytesAsked()).toBe(11);
});
