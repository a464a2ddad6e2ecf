import { expect, test } from "vitest";

import { memoryFiles, readJson, writeParts } from "./files.ts";

test("a memory folder gives back what was written, and lists only what lies directly in it", async () => {
  const files = memoryFiles({ "b.txt": "two", "sub/c.txt": "three" });
  await files.write("a.bin", Uint8Array.of(1, 2, 3));
  expect(await files.list()).toEqual(["a.bin", "b.txt"]);
  expect(await files.size("a.bin")).toBe(3);
  expect([...(await files.readRange("a.bin", 1, 3))]).toEqual([2, 3]);
  expect(await files.exists("sub/c.txt")).toBe(true);
  expect(await files.exists("sub")).toBe(false);
});

test("a write keeps its own bytes when the caller goes on to change the array", async () => {
  const files = memoryFiles();
  const bytes = Uint8Array.of(1);
  await files.write("a", bytes);
  bytes[0] = 9;
  expect([...(await files.read("a"))]).toEqual([1]);
});

test("a missing file is named with its folder", async () => {
  await expect(
    memoryFiles({}, "stories").read("config.json"),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: stories has no file "config.json".]`,
  );
});

test("a range beyond the file is refused with the file's size", async () => {
  const files = memoryFiles({ a: "four" });
  await expect(files.readRange("a", 2, 5)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: bytes 2..5 of "a" in memory were asked for, but it has 4 bytes.]`,
  );
  await expect(files.readRange("a", -1, 2)).rejects.toThrow("bytes -1..2");
});

test("infinity as Python writes it is read, and the word in a text stays a word", async () => {
  const text = '{"limit": [0.0, Infinity, -Infinity], "note": "NaN \\" Infinity"}';
  const files = memoryFiles({ "config.json": text });
  expect(await readJson("loadNetwork", files, "config.json")).toEqual({
    limit: [0, { __float__: "Infinity" }, { __float__: "-Infinity" }],
    note: 'NaN " Infinity',
  });
});

test("text that is not JSON is refused with the file's name", async () => {
  const files = memoryFiles({ "config.json": '{"a": 1' });
  await expect(readJson("loadNetwork", files, "config.json")).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: config.json in memory is not JSON (7 bytes).
      fix: download or copy the file again.]
  `);
});

test("JSON nested deeper than anybody can follow is refused", async () => {
  const read = (depth: number): Promise<unknown> => {
    const files = memoryFiles({ "config.json": "[".repeat(depth) + "]".repeat(depth) });
    return readJson("loadNetwork", files, "config.json");
  };
  await expect(read(20_000)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: config.json in memory is nested deeper than 100.
      fix: download or copy the file again.]
  `);
  await expect(read(101)).rejects.toThrow("deeper than 100");
  await expect(read(100)).resolves.toBeDefined();
});

test("a text without an end among many quotes is refused at once", async () => {
  const files = memoryFiles({ "config.json": `"${'\\"'.repeat(200_000)}` });
  const start = performance.now();
  await expect(readJson("loadNetwork", files, "config.json")).rejects.toThrow("is not JSON");
  // a search from each quote takes minutes
  expect(performance.now() - start).toBeLessThan(5000);
});

test("parts that follow one another become one file, also where a folder takes only wholes", async () => {
  const files = memoryFiles();
  const room = new Uint8Array(2);
  // the same memory again and again, as a copy uses it
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const byte of [1, 2, 3]) yield room.fill(byte);
  }
  await writeParts(files, "a", parts());
  expect(await files.read("a")).toEqual(Uint8Array.of(1, 1, 2, 2, 3, 3));
});
