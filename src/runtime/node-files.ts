import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { PatchClampError } from "../core/errors.ts";
import { checkRange, missingFile } from "../core/files.ts";
import type { Files } from "../core/files.ts";

/** Two writers in one process never share a temporary file; the process id keeps processes apart. */
let temporaryFiles = 0;

/**
 * Opens a folder on disk. It need not exist before the first write.
 *
 * A write goes to a temporary file beside the target, is flushed to disk and then renamed over it. Links are followed, because
 * the Hugging Face cache is made of them, but a path can not name anything outside the folder.
 *
 * @param folder - path of the folder, relative to the working directory or absolute
 * @throws PatchClampError `BAD_INPUT`, from every method, when a path leaves the folder
 */
export function nodeFiles(folder: string): Files {
  const root = resolve(folder);
  const locate = (path: string): string => join(root, checkPath(folder, path));

  const opened = async <T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> => {
    const file = await open(locate(path), "r").catch((cause: unknown) => {
      throw isAbsent(cause) ? missingFile(folder, path, cause) : cause;
    });
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  };

  return {
    name: folder,
    list: async () => {
      const entries = await readdir(root, { withFileTypes: true }).catch((cause: unknown) => {
        if (isAbsent(cause)) return [];
        throw cause;
      });
      return entries
        .filter((entry) => !entry.isDirectory())
        .map((entry) => entry.name)
        .toSorted();
    },
    exists: async (path) => {
      const found = await stat(locate(path)).catch((cause: unknown) => {
        if (isAbsent(cause)) return undefined;
        throw cause;
      });
      return found?.isFile() ?? false;
    },
    size: (path) => opened(path, async (file) => (await file.stat()).size),
    read: async (path) =>
      readFile(locate(path)).catch((cause: unknown) => {
        throw isAbsent(cause) ? missingFile(folder, path, cause) : cause;
      }),
    readRange: (path, start, end, room) =>
      opened(path, async (file) => {
        const { size } = await file.stat();
        checkRange(folder, path, [start, end], size);
        const bytes = room?.subarray(0, end - start) ?? new Uint8Array(end - start);
        for (let done = 0; done < bytes.length;) {
          const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) checkRange(folder, path, [start, end], start + done);
          done += bytesRead;
        }
        return bytes;
      }),
    write: (path, bytes) => replaceFile(locate(path), bytes),
    writeParts: (path, parts) => replaceFile(locate(path), parts),
  };
}

async function replaceFile(
  target: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = join(
    dirname(target),
    `.${basename(target)}.${process.pid}-${temporaryFiles++}.tmp`,
  );
  try {
    const file = await open(temporary, "wx");
    try {
      await writeFile(file, content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

function checkPath(folder: string, path: string): string {
  const parts = path.split("/");
  // A backslash or a colon would be a separator or a drive on Windows.
  const leaves = parts.some((part) => part === "" || part === "." || part === "..");
  if (!leaves && !/[\\:\0]/.test(path)) return path;
  throw new PatchClampError("BAD_INPUT", {
    where: "files",
    problem: `"${path}" is not a path inside ${folder}.`,
    fix: 'use a relative path with "/" between its parts and without "..".',
    facts: { folder, path },
  });
}

/** Nothing is there under that name; a folder in place of a file counts as nothing, too. */
function isAbsent(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR";
}
