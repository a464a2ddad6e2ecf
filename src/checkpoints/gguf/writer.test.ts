import { expect, test } from "vitest";

import { memoryFiles } from "../../core/files.ts";
import { decode } from "../../core/dtypes.ts";
import { readGgufHeader } from "./header.ts";
import { writeGguf } from "./writer.ts";

test("what is written is read back: metadata, shapes and numbers, in their order", async () => {
  const tensors = [
    ["z", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["ä", { shape: [1], data: Float32Array.of(-0.5) }],
  ] as const;
  const metadata = { "general.architecture": "test", "test.count": 7, "test.name": "ünïcode" };
  const files = memoryFiles({ f: writeGguf(metadata, tensors) });
  const found = await readGgufHeader(files, "f");
  expect(found.version).toBe(3);
  expect(Object.fromEntries(found.metadata)).toEqual(metadata);
  expect([...found.tensors.keys()]).toEqual(["z", "ä"]);
  for (const [name, { shape, data }] of tensors) {
    const { begin, end, shape: read } = found.tensors.get(name)!;
    expect(read).toEqual(shape);
    expect(begin % 32).toBe(0);
    expect(decode("F32", await files.readRange("f", begin, end))).toEqual(data);
  }
});
