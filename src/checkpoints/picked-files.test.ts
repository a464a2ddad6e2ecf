// The handles of folders are a browser's: test/browser/hub.browser.ts has their tests.

import { expect, test } from "vitest";

import { pickedFiles } from "./picked-files.ts";

/** A file of a folder that was chosen as a whole has its path from that folder on. */
function chosen(path: string, content: string): File {
  const file = new File([content], path.split("/").at(-1)!);
  return Object.assign(file, { webkitRelativePath: path.includes("/") ? path : "" });
}

const files = pickedFiles([
  chosen("net/config.json", "{}"),
  chosen("net/onnx/model.onnx", "0123456789"),
  chosen("loose.txt", "hello"),
]);

test("a file is known by its path in the chosen folder, or by its name", async () => {
  expect(await files.list()).toEqual(["config.json", "loose.txt"]);
  expect(await files.exists("onnx/model.onnx")).toBe(true);
  expect(await files.exists("net/config.json")).toBe(false);
});

test("bytes are read whole and in ranges", async () => {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  expect(text(await files.read("loose.txt"))).toBe("hello");
  expect(text(await files.readRange("onnx/model.onnx", 3, 6))).toBe("345");
  expect(await files.size("onnx/model.onnx")).toBe(10);
});

test("a file that was not picked, and bytes beyond the end of one, are named", async () => {
  await expect(files.read("x.json")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: the picked folder has no file "x.json".]`,
  );
  await expect(files.readRange("loose.txt", 2, 9)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: bytes 2..9 of "loose.txt" in the picked folder were asked for, but it has 5 bytes.]`,
  );
});

test("a file that cannot be read any more is named", async () => {
  const gone = chosen("gone.bin", "x");
  gone.arrayBuffer = async () => {
    throw new DOMException("The file was changed.", "NotReadableError");
  };
  const reading = pickedFiles([gone]).read("gone.bin");
  await expect(reading).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: files: "gone.bin" in the picked folder can no longer be read: it was changed or moved, or is too large for memory.
      fix: pick it again.]
  `);
});

test("writing is refused", async () => {
  const writing = files.write("x", new Uint8Array());
  await expect(writing).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: write: x cannot be written among files that were picked one by one.
      fix: let the user pick a folder with showDirectoryPicker() and use directoryFiles().]
  `);
});
