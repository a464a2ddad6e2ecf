// Downloads in a real tab, kept in the origin's private file system; the hub is a function of this page.

import { beforeEach, expect, test } from "vitest";

import { hubFiles } from "../../src/checkpoints/hub/hub.ts";
import type { HubOptions } from "../../src/checkpoints/hub/hub.ts";
import { directoryFiles, pickedFiles } from "../../src/checkpoints/picked-files.ts";
import type { Files } from "../../src/core/files.ts";

const commit = "c".repeat(40);
const weights = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const config = new TextEncoder().encode("{}");

async function hex(algorithm: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest(algorithm, bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const asked: string[] = [];
let sends = Infinity;

function addressOf(input: Parameters<typeof fetch>[0]): string {
  return input instanceof Request ? input.url : new URL(input).href;
}

/** A hub with one repository; it sends at most `sends` bytes of a file at a time. */
const hub: typeof fetch = async (input, init) => {
  const { pathname } = new URL(addressOf(input));
  const range = new Headers(init?.headers).get("range");
  asked.push(range === null ? pathname : `${pathname} ${range}`);
  if (pathname.endsWith("/revision/main")) return Response.json({ id: "org/tiny", sha: commit });
  if (pathname.includes("/tree/")) {
    const blob = new Uint8Array([...new TextEncoder().encode("blob 2\0"), ...config]);
    const lfs = { oid: await hex("SHA-256", weights), size: weights.length, pointerSize: 1 };
    return Response.json([
      { type: "file", path: "config.json", size: 2, oid: await hex("SHA-1", blob) },
      { type: "file", path: "model.safetensors", size: weights.length, oid: commit, lfs },
    ]);
  }
  const content = pathname.endsWith("config.json") ? config : weights;
  const start = Number(/\d+/.exec(range ?? "0"));
  return new Response(content.slice(start, start + sends), { status: 206 });
};

async function open(options: HubOptions = {}): Promise<Files> {
  return hubFiles("org/tiny", { fetch: hub, retryMs: 0, endpoint: "https://hub.test", ...options });
}

beforeEach(async () => {
  asked.length = 0;
  sends = Infinity;
  const origin = await navigator.storage.getDirectory();
  for await (const name of origin.keys()) await origin.removeEntry(name, { recursive: true });
});

test("a file is downloaded once and then read from the tab's own file system", async () => {
  const tiny = await open();
  expect(await tiny.list()).toEqual(["config.json", "model.safetensors"]);
  expect(await tiny.read("model.safetensors")).toEqual(weights);
  expect(await tiny.readRange("model.safetensors", 70_000, 70_003)).toEqual(
    weights.slice(70_000, 70_003),
  );
  expect(await tiny.read("config.json")).toEqual(config);
  asked.length = 0;
  expect(await (await open()).read("model.safetensors")).toEqual(weights);
  expect(await (await open({ offline: true })).read("config.json")).toEqual(config);
  expect(asked).toEqual(["/api/models/org/tiny/revision/main"]);
});

test("a download that breaks off is resumed, in the same call and in the next", async () => {
  sends = 30_000;
  let received = 0;
  const stop = new AbortController();
  const first = await open({
    signal: stop.signal,
    onProgress: ({ receivedBytes }) => {
      received = receivedBytes;
      if (received === 60_000) stop.abort();
    },
  });
  await expect(first.read("model.safetensors")).rejects.toMatchObject({ code: "ABORTED" });
  expect(await (await open()).read("model.safetensors")).toEqual(weights);
  const ranges = asked
    .filter((path) => path.includes("/resolve/"))
    .map((path) => path.split(" ")[1]);
  expect(ranges).toEqual(["bytes=0-", "bytes=30000-", "bytes=60000-", "bytes=90000-"]);
});

test("bytes that do not have the listed hash are thrown away", async () => {
  const damaged: typeof fetch = async (input, init) =>
    addressOf(input).includes("/resolve/")
      ? new Response(weights.map((byte) => byte ^ 1))
      : hub(input, init);
  const tiny = await open({ fetch: damaged });
  await expect(tiny.read("model.safetensors")).rejects.toMatchObject({ code: "BAD_FILE" });
  expect(await (await open()).read("model.safetensors")).toEqual(weights);
});

test("two readers at once take turns and agree", async () => {
  const both = [await open(), await open()].map(async (tiny) => tiny.read("model.safetensors"));
  expect(await Promise.all(both)).toEqual([weights, weights]);
  expect(asked.filter((path) => path.includes("/resolve/"))).toHaveLength(1);
});

test("a folder behind a handle is read and written like any other", async () => {
  const files = directoryFiles(await navigator.storage.getDirectory(), { name: "mine" });
  await files.write("sub/a.bin", weights);
  await files.write("b.txt", config);
  expect(await files.list()).toEqual(["b.txt"]);
  expect(await files.readRange("sub/a.bin", 5, 9)).toEqual(weights.slice(5, 9));
  expect([await files.exists("sub"), await files.exists("sub/a.bin")]).toEqual([false, true]);
  await expect(files.read("none")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: mine has no file "none".]`,
  );
});

test("picked files are read in ranges", async () => {
  const files = pickedFiles([new File([weights], "w.bin")]);
  expect(await files.readRange("w.bin", 5, 9)).toEqual(weights.slice(5, 9));
});
