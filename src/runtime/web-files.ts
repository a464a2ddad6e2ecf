// A folder behind a URL, read with fetch. It cannot be listed or written to.

import { PatchClampError } from "../core/errors.ts";
import { checkRange, missingFile, type Files } from "../core/files.ts";

/** Files below a URL. */
export function webFiles(url: string): Files {
  const base = url.endsWith("/") ? url : `${url}/`;
  const contents = new Map<string, Promise<Uint8Array | undefined>>();
  const load = (path: string): Promise<Uint8Array | undefined> => {
    let loading = contents.get(path);
    if (loading === undefined) {
      loading = download(new URL(path, base));
      contents.set(path, loading);
      // a failure may pass: the next call tries again
      loading.catch(() => contents.delete(path));
    }
    return loading;
  };
  const bytesOf = async (path: string): Promise<Uint8Array> => {
    const bytes = await load(path);
    if (bytes === undefined) throw missingFile(url, path);
    return bytes;
  };
  return {
    name: url,
    list: async () => [],
    exists: async (path) => (await load(path)) !== undefined,
    size: async (path) => (await bytesOf(path)).length,
    read: bytesOf,
    readRange: async (path, start, end) => {
      const bytes = await bytesOf(path);
      checkRange(url, path, [start, end], bytes.length);
      return bytes.subarray(start, end);
    },
    write: async (path) => {
      throw new PatchClampError("UNSUPPORTED", {
        where: "write",
        problem: `${path} cannot be written to ${url}, which is read by HTTP.`,
        fix: "save into memoryFiles() and offer the bytes as a download.",
      });
    },
  };
}

async function download(url: URL): Promise<Uint8Array | undefined> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new PatchClampError("BAD_FILE", {
      where: "fetch",
      problem: `${url.href} cannot be reached.`,
      facts: { url: url.href },
      cause,
    });
  });
  // development servers answer an unknown path with their own page
  if (
    response.status === 404 ||
    response.headers.get("content-type")?.startsWith("text/html") === true
  )
    return undefined;
  if (!response.ok) {
    throw new PatchClampError("BAD_FILE", {
      where: "fetch",
      problem: `${url.href} answered ${response.status} ${response.statusText}.`,
    });
  }
  return new Uint8Array(await response.arrayBuffer());
}
