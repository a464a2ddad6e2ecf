import * as fc from "fast-check";
import { expect, test } from "vitest";

import { bytesField, fieldsOf, integerField, messageOf } from "./message.ts";

const field = fc.oneof(
  fc.record({
    no: fc.integer({ min: 1, max: 3000 }),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({ no: fc.integer({ min: 1, max: 3000 }), value: fc.uint8Array({ maxLength: 300 }) }),
);

test("fields are read as they were written, and written as they were read", () => {
  fc.assert(
    fc.property(fc.array(field), (given) => {
      const made = given.map(({ no, value }) =>
        typeof value === "bigint" ? integerField(no, value) : bytesField(no, value),
      );
      const bytes = messageOf(made);
      const read = fieldsOf("test", bytes);
      expect(read).toEqual(made);
      expect(messageOf(read)).toEqual(bytes);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("numbers of four and eight bytes are kept as bytes", () => {
  const bytes = Uint8Array.of(0x15, 0, 0, 0x80, 0x3f, 0x19, 1, 2, 3, 4, 5, 6, 7, 8);
  const read = fieldsOf("test", bytes);
  expect(read.map(({ no, value }) => [no, value])).toEqual([
    [2, Uint8Array.of(0, 0, 0x80, 0x3f)],
    [3, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
  ]);
  expect(messageOf(read)).toEqual(bytes);
});

test("bytes that break off or are no message are refused", () => {
  const whole = messageOf([integerField(1, 300), bytesField(7, "graph")]);
  expect(() => fieldsOf("importGraph", whole.subarray(0, whole.length - 2)))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: importGraph: a message breaks off or is damaged at byte 10 of its 8.
      fix: load a whole ONNX file.]
  `);
  // groups, which ONNX does not use; the field number 0; a number of four bytes in three
  for (const bytes of [
    [0x0b],
    [0x00],
    [0x15, 1, 2, 3],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  ])
    expect(() => fieldsOf("importGraph", Uint8Array.from(bytes))).toThrowError(/damaged/);
});
