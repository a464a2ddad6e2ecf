import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { writeParts } from "../core/files.ts";
import { nodeFiles } from "./node-files.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-files-"));
});

afterEach(() => rm(folder, { recursive: true }));

test("a write creates folders on the way, and nothing but the file stays behind", async () => {
  const files = nodeFiles(join(folder, "new"));
  await files.write("sub/a.bin", Uint8Array.of(1, 2, 3, 4));
  await files.write("sub/a.bin", Uint8Array.of(5, 6, 7));
  expect([...(await files.read("sub/a.bin"))]).toEqual([5, 6, 7]);
  expect(await readdir(join(folder, "new/sub"))).toEqual(["a.bin"]);
});

test("a range is read from its first byte up to and without its last", async () => {
  const files = nodeFiles(folder);
  await files.write("a.bin", Uint8Array.of(1, 2, 3, 4));
  expect([...(await files.readRange("a.bin", 1, 3))]).toEqual([2, 3]);
  await expect(files.readRange("a.bin", 3, 5)).rejects.toThrow('bytes 3..5 of "a.bin"');
});

test("list names files and links, sorted, and leaves folders out", async () => {
  const files = nodeFiles(folder);
  await files.write("b", Uint8Array.of(1));
  await files.write("sub/c", Uint8Array.of(1));
  await symlink(join(folder, "b"), join(folder, "a"));
  expect(await files.list()).toEqual(["a", "b"]);
  expect([...(await files.read("a"))]).toEqual([1]);
});

test("a folder that is not there has no files, and a folder is not a file", async () => {
  expect(await nodeFiles(join(folder, "none")).list()).toEqual([]);
  await nodeFiles(folder).write("sub/c", Uint8Array.of(1));
  expect(await nodeFiles(folder).exists("sub")).toBe(false);
  expect(await nodeFiles(folder).exists("sub/c/d")).toBe(false);
});

test.each(["../a", "sub/../../a", "/etc/passwd", "", "a\\..\\b", "C:/a", "./a", "a/", "a\0b"])(
  "the path %j does not leave the folder",
  async (path) => {
    const files = nodeFiles(folder);
    await expect(async () => files.read(path)).rejects.toThrow("is not a path inside");
    await expect(async () => files.readRange(path, 0, 0)).rejects.toThrow("is not a path inside");
    await expect(async () => files.write(path, Uint8Array.of(1))).rejects.toThrow("is not a path");
  },
);

test("a path that leaves the folder is refused with how to write paths", async () => {
  const files = nodeFiles("models/stories");
  await expect(async () => files.read("../other")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: files: "../other" is not a path inside models/stories.
      fix: use a relative path with "/" between its parts and without "..".]
  `);
});

test("a missing file is named with its folder", async () => {
  const files = nodeFiles("models/none");
  await expect(files.size("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: models/none has no file "config.json".]`,
  );
  await expect(files.read("config.json")).rejects.toThrow("models/none has no file");
});

test("a write that fails leaves no temporary file", async () => {
  await writeFile(join(folder, "a"), "file");
  const files = nodeFiles(folder);
  await files.write("sub/b", Uint8Array.of(1));
  await expect(files.write("sub", Uint8Array.of(1))).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(await readdir(folder)).toEqual(["a", "sub"]);
});

test("parts are written one after the other, and a file whose parts fail is not there", async () => {
  const room = new Uint8Array(2);
  async function* parts(fails: boolean): AsyncGenerator<Uint8Array> {
    for (const byte of [1, 2]) yield room.fill(byte);
    if (fails) throw new Error("no more");
  }
  const files = nodeFiles(folder);
  await writeParts(files, "sub/parts", parts(false));
  expect([...(await files.read("sub/parts"))]).toEqual([1, 1, 2, 2]);
  await expect(writeParts(files, "sub/broken", parts(true))).rejects.toThrow("no more");
  expect(await readdir(join(folder, "sub"))).toEqual(["parts"]);
});
