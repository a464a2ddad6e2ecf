import { expect, test } from "vitest";

import { memoryFiles } from "../../core/files.ts";
import { assembled } from "./pieces.ts";
import { ggmlType } from "./quants.ts";
import type { GgufTensor } from "./header.ts";

const rows = 6;
const columns = 64;
const size = rows * columns;

/** [6, 64] in Q8_0, of which number i is i % 100 times a power of two that differs from block to block. */
const quantised: { bytes: Uint8Array; numbers: Float32Array } = (() => {
  const bytes = new Uint8Array((size / 32) * 34);
  const numbers = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const block = Math.floor(i / 32);
    bytes[block * 34 + 1] = (15 + (block % 8)) << 2; // the exponent of a half: 2^(block % 8)
    bytes[block * 34 + 2 + (i % 32)] = i % 100;
    numbers[i] = (i % 100) * 2 ** (block % 8);
  }
  return { bytes, numbers };
})();

const source: GgufTensor = {
  name: "x",
  type: ggmlType("x.gguf", "x", 8),
  shape: [rows, columns],
  size,
  begin: 0,
  end: quantised.bytes.length,
};
const files = memoryFiles({ "x.gguf": quantised.bytes });
const chunks = [1, 100, 5 * 34, 1 << 23];

test.each(chunks)("chunks of %i bytes give the numbers in order", async (chunk) => {
  const whole = await assembled(files, "x.gguf", { size, pieces: [{ source }] }, chunk);
  expect(whole).toEqual(quantised.numbers);
  const map = (x: number): number => -x;
  const mapped = await assembled(files, "x.gguf", { size, pieces: [{ source }], map }, chunk);
  expect(mapped).toEqual(quantised.numbers.map(map));
});

test.each(chunks)("chunks of %i bytes give a run of them", async (chunk) => {
  const piece = { source, start: columns, count: 3 * columns };
  const run = await assembled(files, "x.gguf", { size: 3 * columns, pieces: [piece] }, chunk);
  expect(run).toEqual(quantised.numbers.subarray(columns, 4 * columns));
});

test.each(chunks)("chunks of %i bytes put rows and columns in their places", async (chunk) => {
  const turned = { length: columns, place: (row: number) => (rows - 1 - row) * columns };
  const upsideDown = await assembled(
    files,
    "x.gguf",
    { size, pieces: [{ source, rows: turned }] },
    chunk,
  );
  const across = { length: columns, place: (row: number) => row, stride: rows };
  const transposed = await assembled(
    files,
    "x.gguf",
    { size, pieces: [{ source, rows: across }] },
    chunk,
  );
  for (let i = 0; i < size; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    expect(upsideDown[(rows - 1 - row) * columns + column]).toBe(quantised.numbers[i]);
    expect(transposed[column * rows + row]).toBe(quantised.numbers[i]);
  }
});
