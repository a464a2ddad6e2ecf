// A hub cache in the origin's private file system, which outlives the tab and belongs to the page's origin alone.

import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { PatchClampError } from "../../core/errors.ts";
import type { HubStore, PartialFile } from "../../runtime/hub-store.ts";
import { directoryFiles, fileHandle, folderHandle } from "../picked-files.ts";

const name = "of this browser";

/**
 * The browser's own hub cache, in the folder `huggingface/hub` of the origin's private file system.
 *
 * It has no links: a file of a snapshot is found by its hash. Web Crypto cannot hash piece by piece, so the hashes are noble's.
 *
 * @throws PatchClampError `UNSUPPORTED` where the browser has no such file system, as some private windows do not
 */
export async function browserHubStore(): Promise<HubStore> {
  const root = await openRoot().catch((cause: unknown) => {
    throw new PatchClampError("UNSUPPORTED", {
      where: "hubFiles",
      problem: "there is no private file system here to keep downloads in.",
      fix: "open the page in an ordinary window over https, or let the user pick the files and use pickedFiles().",
      cause,
    });
  });
  return {
    name,
    folder: (path) => directoryFiles(root, { below: path, name: `the cache ${name}` }),
    partial: (path, signal) => openPartial(root, path, signal),
    digest: (algorithm) => {
      const hash = algorithm === "sha1" ? sha1.create() : sha256.create();
      return { update: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
    },
  };
}

async function openRoot(): Promise<FileSystemDirectoryHandle> {
  const origin = await navigator.storage.getDirectory();
  return folderHandle(origin, ["huggingface", "hub"], { create: true });
}

async function openPartial(
  root: FileSystemDirectoryHandle,
  whole: string,
  signal: AbortSignal | undefined,
): Promise<PartialFile> {
  // another tab that downloads the same file is waited for
  const release = await lock(`patchclamp:${whole}`, signal);
  try {
    const path = `${whole}.incomplete`;
    const parts = path.split("/");
    const folder = await folderHandle(root, parts.slice(0, -1), { create: true });
    const file = await fileHandle(root, parts, { create: true });
    const { size: sizeBytes } = await file.getFile();
    const writable = await file.createWritable({ keepExistingData: true });
    await writable.seek(sizeBytes);
    let isOpen = true;
    const seal = async (): Promise<void> => {
      if (isOpen) await writable.close();
      isOpen = false;
    };
    return {
      path,
      sizeBytes,
      append: (bytes) => writable.write(new Uint8Array(bytes)),
      clear: () => writable.truncate(0), // which moves the position, too
      seal,
      finish: () => moved(file, whole.split("/").at(-1)!).finally(release),
      discard: async () => {
        if (isOpen) await writable.abort();
        isOpen = false;
        await folder.removeEntry(file.name);
        release();
      },
      close: () => seal().finally(release),
    };
  } catch (cause) {
    release();
    throw cause;
  }
}

/** Takes a lock that ends with its tab at the latest, and returns what releases it. */
async function lock(name: string, signal: AbortSignal | undefined): Promise<() => void> {
  return new Promise((taken, failed) => {
    const held = async (): Promise<void> => new Promise((release) => taken(release));
    navigator.locks.request(name, signal === undefined ? {} : { signal }, held).catch(failed);
  });
}

/** Gives a file another name in its folder; all browsers can, but TypeScript's library does not know it yet. */
async function moved(file: FileSystemFileHandle, name: string): Promise<void> {
  await (file as FileSystemFileHandle & { move: (name: string) => Promise<void> }).move(name);
}
