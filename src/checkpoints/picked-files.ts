// Files that a page was given by its user. Nothing is copied: a range is read from the disk when it is asked for.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { checkRange, missingFile } from "../core/files.ts";

/**
 * The folder that a user picked file by file, dropped, or chose with `<input type="file" webkitdirectory>`.
 *
 * @param picked - the files; those of a chosen folder keep their path below it
 * @param name - what error messages call the folder
 */
export function pickedFiles(picked: Iterable<File>, name = "the picked folder"): Files {
  const files = new Map<string, File>();
  for (const file of picked)
    files.set(file.webkitRelativePath.replace(/^[^/]*\//, "") || file.name, file);
  return {
    ...reading(name, async (path) => files.get(path)),
    list: async () => [...files.keys()].filter((path) => !path.includes("/")).toSorted(),
    write: async (path) => {
      throw new PatchClampError("UNSUPPORTED", {
        where: "write",
        problem: `${path} cannot be written among files that were picked one by one.`,
        fix: "let the user pick a folder with showDirectoryPicker() and use directoryFiles().",
      });
    },
  };
}

/**
 * A folder behind a handle: one from `showDirectoryPicker()`, or one of the origin's private file system.
 *
 * @param handle - the folder
 * @param options.below - a path in it, to take the folder there instead; it is made by the first write
 * @param options.name - what error messages call the folder. Default: the handle's name
 */
export function directoryFiles(
  handle: FileSystemDirectoryHandle,
  options: { below?: string; name?: string } = {},
): Files {
  const { below = "", name = handle.name } = options;
  const at = (path: string): string[] =>
    `${below}/${path}`.split("/").filter((part) => part !== "");
  return {
    ...reading(name, async (path) => {
      const found = await fileHandle(handle, at(path)).catch(ifAbsent);
      return found?.getFile();
    }),
    list: async () => {
      const folder = await folderHandle(handle, at("")).catch(ifAbsent);
      const names: string[] = [];
      for await (const [name, { kind }] of folder ?? []) if (kind === "file") names.push(name);
      return names.toSorted();
    },
    write: async (path, bytes) => {
      const file = await fileHandle(handle, at(path), { create: true });
      const writable = await file.createWritable(); // shows nothing until it is closed
      try {
        await writable.write(new Uint8Array(bytes));
      } catch (cause) {
        await writable.abort();
        throw cause;
      }
      await writable.close();
    },
  };
}

/** The folder at a path below another. */
export async function folderHandle(
  from: FileSystemDirectoryHandle,
  path: readonly string[],
  options?: FileSystemGetDirectoryOptions,
): Promise<FileSystemDirectoryHandle> {
  let folder = from;
  for (const part of path) folder = await folder.getDirectoryHandle(part, options);
  return folder;
}

/** The file at a path below a folder. */
export async function fileHandle(
  from: FileSystemDirectoryHandle,
  path: readonly string[],
  options?: FileSystemGetFileOptions,
): Promise<FileSystemFileHandle> {
  const folder = await folderHandle(from, path.slice(0, -1), options);
  return folder.getFileHandle(path.at(-1) ?? "", options);
}

function ifAbsent(cause: unknown): undefined {
  const name = cause instanceof DOMException ? cause.name : undefined;
  if (name !== "NotFoundError" && name !== "TypeMismatchError") throw cause;
}

function reading(
  name: string,
  find: (path: string) => Promise<Blob | undefined>,
): Pick<Files, "name" | "exists" | "size" | "read" | "readRange"> {
  const found = async (path: string): Promise<Blob> => {
    const blob = await find(path);
    if (blob === undefined) throw missingFile(name, path);
    return blob;
  };
  const bytesOf = async (path: string, blob: Blob): Promise<Uint8Array> => {
    const buffer = await blob.arrayBuffer().catch((cause: unknown) => {
      throw new PatchClampError("BAD_FILE", {
        where: "files",
        problem: `"${path}" in ${name} can no longer be read: it was changed or moved, or is too large for memory.`,
        fix: "pick it again.",
        facts: { folder: name, path },
        cause,
      });
    });
    return new Uint8Array(buffer);
  };
  return {
    name,
    exists: async (path) => (await find(path)) !== undefined,
    size: async (path) => (await found(path)).size,
    read: async (path) => bytesOf(path, await found(path)),
    readRange: async (path, start, end) => {
      const blob = await found(path);
      checkRange(name, path, [start, end], blob.size);
      return bytesOf(path, blob.slice(start, end));
    },
  };
}
