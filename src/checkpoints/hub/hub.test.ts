import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { PatchClampError } from "../../core/errors.ts";
import { nodeHubStore } from "../../runtime/node-hub-store.ts";
import { hubServer } from "../../../test/hub-server.ts";
import type { HubServer } from "../../../test/hub-server.ts";
import { tinyFiles } from "../../../test/tiny.ts";
import { hubFiles } from "./hub.ts";
import type { HubOptions } from "./hub.ts";
import { openNetwork } from "../load.ts";

let hub: HubServer;
let cache: string;
beforeEach(async () => {
  hub = await hubServer();
  cache = await fs.mkdtemp(join(tmpdir(), "hub-"));
});
afterEach(async () => {
  await hub.close();
  await fs.chmod(cache, 0o755);
  await fs.rm(cache, { recursive: true });
});

// messages name ports and folders, which differ each time
expect.addSnapshotSerializer({
  test: (value) => value instanceof PatchClampError && /127\.0\.0\.1|hub-\w{6}/.test(value.message),
  serialize: ({ message }: Error) =>
    `[PatchClampError: ${message.replaceAll(/127\.0\.0\.1:\d+/g, "HUB").replaceAll(/\/\S*hub-\w{6}/g, "CACHE")}]`,
});

const config = `{ "model_type": "gpt2" }`;
const weights = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);
const files = { "config.json": config, "model.safetensors": weights, "onnx/model.json": "{}" };

/** Opens a repository of the test's hub; nothing comes from the environment, and no test waits. */
async function open(place = "org/tiny", options: HubOptions = {}): ReturnType<typeof hubFiles> {
  const store = nodeHubStore(cache);
  const { endpoint } = hub;
  return hubFiles(place, { endpoint, cache: store, offline: false, retryMs: 0, ...options });
}

async function text(bytes: Promise<Uint8Array>): Promise<string> {
  return new TextDecoder().decode(await bytes);
}

/** Every file of the cache with its content, a link as what it points to. */
async function cached(): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (const entry of await fs.readdir(cache, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(cache.length + 1);
    if (entry.isSymbolicLink()) found.push([name, `-> ${await fs.readlink(path)}`]);
    else if (entry.isFile()) found.push([name, await fs.readFile(path, "latin1")]);
  }
  return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function blobs(): Promise<string[]> {
  return Object.keys(await cached()).filter((path) => path.includes("/blobs/"));
}

describe("a snapshot", () => {
  test("is known by its listing, before anything is downloaded", async () => {
    hub.publish("org/tiny", files);
    const tiny = await open();
    expect(tiny.name).toBe("hf:org/tiny");
    expect(await tiny.list()).toEqual(["config.json", "model.safetensors"]);
    expect(await tiny.exists("onnx/model.json")).toBe(true);
    expect(await tiny.exists("tokenizer.json")).toBe(false);
    expect(await tiny.size("model.safetensors")).toBe(5000);
    expect(hub.downloads()).toEqual([]);
  });

  test("gives the bytes of its files, small and large, whole and in ranges", async () => {
    hub.publish("org/tiny", { ...files, "empty.txt": "" });
    const tiny = await open();
    expect(await text(tiny.read("config.json"))).toBe(config);
    expect(await text(tiny.read("onnx/model.json"))).toBe("{}");
    expect(await tiny.read("empty.txt")).toHaveLength(0);
    expect(await tiny.readRange("model.safetensors", 1000, 1003)).toEqual(
      weights.slice(1000, 1003),
    );
    expect(Uint8Array.from(await tiny.read("model.safetensors"))).toEqual(weights);
  });

  test("downloads each file once, however often it is read, now and later", async () => {
    hub.publish("org/tiny", files);
    const tiny = await open();
    const all = [tiny.read("model.safetensors"), tiny.readRange("model.safetensors", 0, 8)];
    await Promise.all([...all, tiny.read("config.json")]);
    expect(hub.downloads()).toHaveLength(3); // one is a redirect
    hub.asked.length = 0;
    await (await open()).read("model.safetensors");
    expect(hub.asked.map(({ path }) => path.split("?")[0])).toEqual([
      "/api/models/org/tiny/revision/main",
    ]);
  });

  test("of a commit is opened a second time without any request", async () => {
    const commit = hub.publish("org/tiny", files);
    await (await open(`org/tiny@${commit}`)).read("config.json");
    hub.asked.length = 0;
    expect(await text((await open(`org/tiny@${commit}`)).read("config.json"))).toBe(config);
    expect(hub.asked).toEqual([]);
  });

  test("stays that of its commit when the branch moves on", async () => {
    hub.publish("org/tiny", { ...files, "b.json": "old" });
    const before = await open();
    await before.read("config.json");
    hub.publish("org/tiny", { ...files, "b.json": "new" });
    expect(await text(before.read("b.json"))).toBe("old");
    const after = await open();
    expect(await text(after.read("b.json"))).toBe("new");
    hub.asked.length = 0;
    expect(await text(after.read("config.json"))).toBe(config); // the same blob under another commit
    expect(hub.asked).toEqual([]);
  });

  test("is that of the branch, tag or pull request that was named", async () => {
    hub.publish("org/tiny", { "config.json": "main" });
    hub.publish("org/tiny", { "config.json": "v2" }, "v2.0");
    hub.publish("org/tiny", { "config.json": "pull" }, "refs/pr/1");
    for (const [revision, content] of [
      ["v2.0", "v2"],
      ["refs/pr/1", "pull"],
    ]) {
      const tiny = await open(`org/tiny@${revision}`);
      expect(tiny.name).toBe(`hf:org/tiny@${revision}`);
      expect(await text(tiny.read("config.json"))).toBe(content);
    }
  });

  test("reports its progress in bytes", async () => {
    hub.publish("org/tiny", files);
    hub.fault = () => ({ pieceBytes: 1000 });
    const seen: number[] = [];
    const tiny = await open("org/tiny", {
      onProgress: ({ file, receivedBytes, totalBytes }) => {
        expect([file, totalBytes]).toEqual(["model.safetensors", 5000]);
        seen.push(receivedBytes);
      },
    });
    await tiny.read("model.safetensors");
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(5000);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  test("is a folder that a network opens from", async () => {
    const checkpoint = await tinyFiles("gpt2", { words: ["red", "cup"] });
    const contents: [string, Uint8Array][] = [];
    for (const name of await checkpoint.list()) contents.push([name, await checkpoint.read(name)]);
    hub.publish("org/gpt2", { ...Object.fromEntries(contents), "pytorch_model.bin": "pickle" });
    const network = await openNetwork(await open("org/gpt2"), { check: false });
    expect(network.name).toBe("hf:org/gpt2");
    expect(hub.asked.some(({ path }) => path.includes(".bin"))).toBe(false);
  });
});

describe("the token", () => {
  test("goes to the hub and not to the host that it redirects to", async () => {
    hub.publish("org/tiny", files);
    hub.repositories.get("org/tiny")!.tokens = ["hf_secret"];
    await (await open("org/tiny", { token: "hf_secret" })).read("model.safetensors");
    const seen = (host: string): (string | undefined)[] =>
      hub.asked.filter((asked) => asked.host === host).map(({ authorization }) => authorization);
    expect(new Set(seen("hub"))).toEqual(new Set(["Bearer hf_secret"]));
    expect(seen("cdn")).toEqual([undefined]);
  });

  test("is in no message", async () => {
    const error: unknown = await open("org/tiny", { token: "hf_secret" }).catch((cause) => cause);
    expect(error).toMatchObject({ code: "UNKNOWN_NAME" });
    const facts = JSON.stringify(error, Object.getOwnPropertyNames(error));
    expect(facts).not.toContain("hf_secret");
  });
});

describe("a connection that breaks off", () => {
  test("is taken up again where it ended", async () => {
    hub.publish("org/tiny", files);
    hub.fault = (n) => (n === 0 ? { endAfter: 2000 } : {});
    const got = await (await open()).read("model.safetensors");
    expect(Uint8Array.from(got)).toEqual(weights);
    const ranges = hub.asked.filter(({ host }) => host === "cdn").map(({ range }) => range);
    expect(ranges).toEqual(["bytes=0-", "bytes=2000-"]);
  });

  test("is taken up again after the socket was torn down", async () => {
    const large = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253);
    hub.publish("org/tiny", { "model.safetensors": large });
    hub.fault = (n) => (n < 2 ? { cutAfter: 100_000, pieceBytes: 7000 } : {});
    const got = await (await open("org/tiny", { tries: 20 })).read("model.safetensors");
    expect(Uint8Array.from(got)).toEqual(large);
  });

  test("anywhere, any number of times, loses no byte and repeats none", async () => {
    hub.publish("org/tiny", files);
    const piece = fc.integer({ min: 1, max: 2000 });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.boolean(), async (pieces, calls) => {
        await fs.rm(cache, { recursive: true });
        await fs.mkdir(cache);
        hub.asked.length = 0;
        let served = 0;
        hub.fault = () => ({ endAfter: pieces[served++] ?? 5000 });
        let got = new Uint8Array();
        // either one call that tries again, or calls that each try once and leave the rest to the next
        const tries = calls ? 1 : 2;
        for (let call = 0; call <= pieces.length && got.length === 0; call++) {
          const tiny = await open("org/tiny", { tries });
          got = Uint8Array.from(await tiny.read("model.safetensors").catch(() => []));
        }
        expect(got).toEqual(weights);
        const ranges = hub.asked.filter(({ host }) => host === "cdn").map(({ range }) => range);
        let start = 0;
        const wanted = [`bytes=0-`];
        for (const bytes of pieces) {
          start += bytes;
          if (start < 5000) wanted.push(`bytes=${start}-`);
        }
        expect(ranges).toEqual(wanted);
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  test("for ever is given up after several tries, and what came is kept", async () => {
    hub.publish("org/tiny", files);
    hub.fault = (n) => (n === 0 ? { endAfter: 1200 } : { endAfter: 0 });
    const tiny = await open();
    await expect(tiny.read("model.safetensors")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB broke off the connection, 5 times in a row, while downloading "model.safetensors" of hf:org/tiny; the 1200 bytes that came are kept for the next try.
        fix: check the connection and call again.]
    `);
    expect(hub.asked.filter(({ host }) => host === "cdn")).toHaveLength(5);
    expect(await blobs()).toEqual([expect.stringMatching(/\.incomplete$/)]);
    hub.fault = () => ({});
    await tiny.read("model.safetensors");
    expect(hub.asked.at(-1)).toMatchObject({ host: "cdn", range: "bytes=1200-" });
    expect(await blobs()).toEqual([expect.stringMatching(/\/[0-9a-f]{64}$/)]);
  });

  test("starts again with a server that knows no ranges", async () => {
    hub.publish("org/tiny", files);
    hub.fault = (n) => (n === 0 ? { endAfter: 2000 } : { ignoresRange: true });
    const got = await (await open()).read("model.safetensors");
    expect(Uint8Array.from(got)).toEqual(weights);
  });

  test("by falling silent is noticed", async () => {
    hub.publish("org/tiny", files);
    hub.fault = () => ({ silentAfter: 100 });
    const tiny = await open("org/tiny", { stallMs: 40, tries: 1 });
    await expect(tiny.read("model.safetensors")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB was silent for 0.04 seconds, while downloading "model.safetensors" of hf:org/tiny; the 100 bytes that came are kept for the next try.
        fix: check the connection and call again.]
    `);
  });

  test("slowly, piece by piece, is not broken", async () => {
    hub.publish("org/tiny", files);
    hub.fault = () => ({ pieceBytes: 10 });
    const got = await (await open("org/tiny", { tries: 1 })).read("model.safetensors");
    expect(Uint8Array.from(got)).toEqual(weights);
  });

  test("with an answer of a busy server is tried again", async () => {
    hub.publish("org/tiny", files);
    hub.fault = (n) => (n < 3 ? { status: 503 } : {});
    expect(await text((await open()).read("config.json"))).toBe(config);
    hub.fault = () => ({ status: 429 });
    await expect((await open()).read("onnx/model.json")).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB answered 429 Too Many Requests, 5 times in a row, while downloading "onnx/model.json" of hf:org/tiny.
        fix: check the connection and call again.]
    `);
  });
});

describe("what does not match the listing", () => {
  test("in length or content is refused and thrown away", async () => {
    hub.publish("org/tiny", files);
    const tiny = await open();
    const altered = weights.map((byte, i) => (i === 17 ? byte ^ 1 : byte));
    const contents = [weights.slice(0, 4000), new Uint8Array(6000), altered];
    const errors: unknown[] = [];
    for (const content of contents) {
      hub.fault = () => ({ content });
      errors.push(await tiny.read("model.safetensors").catch((cause: unknown) => cause));
      expect(await blobs()).toEqual([]);
    }
    hub.fault = () => ({ content: new TextEncoder().encode(config.toUpperCase()) });
    errors.push(await tiny.read("config.json").catch((cause: unknown) => cause));
    expect(errors).toMatchInlineSnapshot(`
      [
        [PatchClampError: hubFiles: what came as "model.safetensors" of hf:org/tiny has 4000 bytes, but the hub lists 5000.
        fix: it was thrown away; call again, and if it stays so, something between here and http://HUB alters files.],
        [PatchClampError: hubFiles: what came as "model.safetensors" of hf:org/tiny has 6000 bytes, but the hub lists 5000.
        fix: it was thrown away; call again, and if it stays so, something between here and http://HUB alters files.],
        [PatchClampError: hubFiles: what came as "model.safetensors" of hf:org/tiny has the hash 0b3aec7d045b9e410d3755f3848d6a98475474f950f7d118eb40a4cc8241740c, but the hub lists 660faa7089afce64fd1e9dd44cdbce136859740a4fe371c564b58687a67f7b8b.
        fix: it was thrown away; call again, and if it stays so, something between here and http://HUB alters files.],
        [PatchClampError: hubFiles: what came as "config.json" of hf:org/tiny has the hash 9800a09507b1a1ec56af37e15dd2d5ce4a203d35, but the hub lists 86532ddda5b883d8c5083a4470a8583150306935.
        fix: it was thrown away; call again, and if it stays so, something between here and http://HUB alters files.],
      ]
    `);
    hub.fault = () => ({});
    expect(Uint8Array.from(await tiny.read("model.safetensors"))).toEqual(weights);
  });

  test("in the cache is downloaded again", async () => {
    hub.publish("org/tiny", files);
    await (await open()).read("model.safetensors");
    const [blob] = await blobs();
    await fs.writeFile(join(cache, blob!), "half");
    expect(Uint8Array.from(await (await open()).read("model.safetensors"))).toEqual(weights);
  });

  test("because its name leads out of the cache is refused as a whole", async () => {
    hub.publish("org/tiny", files);
    const errors: unknown[] = [];
    for (const name of ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", "C:/x", "a//b"]) {
      hub.alsoListed = [name];
      errors.push(await open().catch((cause: unknown) => (cause as Error).message.split("\n")[0]));
    }
    expect(errors).toMatchInlineSnapshot(`
      [
        "hubFiles: hf:org/tiny lists a file "../x", which is no name inside a folder.",
        "hubFiles: hf:org/tiny lists a file "/etc/passwd", which is no name inside a folder.",
        "hubFiles: hf:org/tiny lists a file "a/../../x", which is no name inside a folder.",
        "hubFiles: hf:org/tiny lists a file "a\\\\..\\\\x", which is no name inside a folder.",
        "hubFiles: hf:org/tiny lists a file "C:/x", which is no name inside a folder.",
        "hubFiles: hf:org/tiny lists a file "a//b", which is no name inside a folder.",
      ]
    `);
    expect(await cached()).toEqual({});
  });
});

describe("a hub refuses", () => {
  test("a repository that it does not have", async () => {
    await expect(open("org/none")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: hf:org/none does not exist at http://HUB, or is private and no token was sent.
        fix: check its name, and HF_TOKEN or the option \`token\` if it is private.]
    `);
    await expect(open("org/none", { token: "hf_1" })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: hf:org/none does not exist at http://HUB, or may not be read with this token.
        fix: check its name, and HF_TOKEN or the option \`token\` if it is private.]
    `);
  });

  test("a revision that the repository does not have", async () => {
    hub.publish("org/tiny", files);
    await expect(open("org/tiny@v9")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: hf:org/tiny has no revision "v9".
        fix: the branches and tags are listed at http://HUB/org/tiny/tree/main.]
    `);
  });

  test("a file that the listing has and the repository does not", async () => {
    hub.publish("org/tiny", files);
    hub.alsoListed = ["ghost.json"];
    const tiny = await open();
    await expect(tiny.read("ghost.json")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: hubFiles: hf:org/tiny has no file "ghost.json" at revision main.]`,
    );
    await expect(tiny.read("other.json")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: files: hf:org/tiny has no file "other.json".]`,
    );
  });

  test("a token that it does not know", async () => {
    hub.publish("org/tiny", files);
    const token = "hf_wrong";
    await expect(open("org/tiny", { token })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB does not know the token.
        fix: make one at http://HUB/settings/tokens.]
    `);
  });

  test("files of a gated repository, with and without a token", async () => {
    hub.publish("org/tiny", files);
    hub.repositories.get("org/tiny")!.gated = true;
    const nobody = await open();
    await expect(nobody.read("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: hf:org/tiny is gated, and no token was sent.
        fix: ask for access at http://HUB/org/tiny, then set HF_TOKEN or the option \`token\`.]
    `);
    const somebody = await open("org/tiny", { token: "hf_1" });
    await expect(somebody.read("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: hf:org/tiny is gated, and this token's owner has no access.
        fix: ask for access at http://HUB/org/tiny, then set HF_TOKEN or the option \`token\`.]
    `);
    expect(await blobs()).toEqual([]);
  });

  test("for reasons of its own, with a status that is passed on", async () => {
    hub.publish("org/tiny", files);
    hub.fault = () => ({ status: 418 });
    const tiny = await open();
    await expect(tiny.read("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: hubFiles: http://HUB answered 418 when asked for "config.json" of hf:org/tiny.]`,
    );
    hub.fault = () => ({ status: 404 });
    await expect(tiny.read("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: hubFiles: http://HUB has no "config.json" of hf:org/tiny at main.]`,
    );
  });

  test("to be one, when it answers with something else", async () => {
    const fetch = async (): Promise<Response> => new Response("<html>");
    await expect(open("org/tiny", { fetch })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB does not answer as a model hub does.
        fix: check HF_ENDPOINT or the option \`endpoint\`.]
    `);
  });
});

describe("without a connection", () => {
  const offline = { offline: true };

  test("a snapshot in the cache is used, and no request is made", async () => {
    hub.publish("org/tiny", files);
    await (await open()).read("config.json");
    hub.asked.length = 0;
    const tiny = await open("org/tiny", offline);
    expect(await text(tiny.read("config.json"))).toBe(config);
    expect(await tiny.exists("model.safetensors")).toBe(true);
    await expect(tiny.read("model.safetensors")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: offline mode is on, and the cache CACHE has no "model.safetensors" of hf:org/tiny.
        fix: download it once with a connection; HF_HUB_CACHE says where it is kept.]
    `);
    expect(hub.asked).toEqual([]);
  });

  test("a repository that is not in the cache is named", async () => {
    await expect(open("org/tiny", offline)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: offline mode is on, and the cache has no revision "main" of hf:org/tiny.
        fix: download it once with a connection; HF_HUB_CACHE says where it is kept.]
    `);
  });

  test("a hub that cannot be reached is named, unless the cache can stand in", async () => {
    hub.publish("org/tiny", files);
    await (await open()).read("config.json");
    await hub.close();
    await expect(open("org/other")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB cannot be reached, 5 times in a row, while downloading hf:org/other.
        fix: check the connection and call again.]
    `);
    const tiny = await open();
    expect(await text(tiny.read("config.json"))).toBe(config);
    await expect(tiny.read("model.safetensors")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: http://HUB cannot be reached, and the cache CACHE has no "model.safetensors" of hf:org/tiny.
        fix: download it once with a connection; HF_HUB_CACHE says where it is kept.]
    `);
  });

  test("a repository that exists but may no longer be read is refused all the same", async () => {
    hub.publish("org/tiny", files);
    await (await open()).read("config.json");
    hub.repositories.get("org/tiny")!.tokens = [];
    await expect(open()).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("the cache", () => {
  // test/hub-cache.json lists what huggingface_hub 2.4.0 left of these three files, locks aside
  const tiny = {
    "config.json": `{\n  "model_type": "gpt2"\n}\n`,
    "model.safetensors": Uint8Array.from({ length: 300 }, (_, i) => i % 251),
    "onnx/model.json": "{}",
  };
  const python = async (): Promise<Record<string, string>> =>
    JSON.parse(await fs.readFile(new URL("../../../test/hub-cache.json", import.meta.url), "utf8"));

  test("is laid out as huggingface_hub does, with its own form of the listing", async () => {
    const commit = hub.publish("org/tiny", tiny);
    const files = await open();
    for (const path of Object.keys(tiny)) await files.read(path);
    const { [`models--org--tiny/trees/${commit}.json`]: listing, ...rest } = await cached();
    expect(rest).toEqual(await python());
    expect(JSON.parse(listing!)).toMatchInlineSnapshot(`
      {
        "files": {
          "config.json": {
            "blob_id": "575704404b625d9df92b7b25aeaaac460dd53f9b",
            "size": 27,
          },
          "model.safetensors": {
            "blob_id": "306f249dda473c1daffea0e97c41e161fd415a0f",
            "lfs_sha256": "43f9b5d59eb108817176c6f65c2c6203a22f2ae8bc28b7a1dde45947678c5042",
            "lfs_size": 300,
            "size": 300,
            "xet_hash": "9d75c1098fc54a1f7bd270f148884f599765d894639c9c4ee891396968c60df2",
          },
          "onnx/model.json": {
            "blob_id": "9e26dfeeb6e641a33dae4961196235bdb965b21b",
            "size": 2,
          },
        },
        "format_version": 1,
      }
    `);
  });

  test("that huggingface_hub has made is read without a connection", async () => {
    for (const [path, content] of Object.entries(await python())) {
      const at = join(cache, path);
      await fs.mkdir(join(at, ".."), { recursive: true });
      if (content.startsWith("-> ")) await fs.symlink(content.slice(3), at);
      else await fs.writeFile(at, content, "latin1");
    }
    const files = await open("org/tiny", { offline: true });
    expect(await files.list()).toEqual(["config.json", "model.safetensors"]);
    expect(await files.exists("tokenizer.json")).toBe(false);
    expect(await files.size("model.safetensors")).toBe(300);
    for (const [path, content] of Object.entries(tiny)) {
      expect(Buffer.from(await files.read(path))).toEqual(Buffer.from(content));
    }
    hub.publish("org/tiny", tiny);
    await (await open()).read("model.safetensors");
    expect(hub.downloads()).toEqual([]);
  });

  test("is filled by two at once without harm", async () => {
    hub.publish("org/tiny", files);
    hub.fault = () => ({ pieceBytes: 500 });
    const both = [await open(), await open()].map(async (tiny) => tiny.read("model.safetensors"));
    for (const got of await Promise.all(both)) expect(Uint8Array.from(got)).toEqual(weights);
    expect(await blobs()).toEqual([expect.stringMatching(/\/[0-9a-f]{64}$/)]);
  });

  test("that is full or may not be written to is named", async () => {
    hub.publish("org/tiny", files);
    const store = nodeHubStore(cache);
    const errors: unknown[] = [];
    for (const code of ["ENOSPC", "EACCES"]) {
      const append = async (): Promise<never> => {
        throw Object.assign(new Error(code), { code });
      };
      const partial: typeof store.partial = async (path) => ({
        ...(await store.partial(path)),
        append,
      });
      const tiny = await open("org/tiny", { cache: { ...store, partial } });
      errors.push(await tiny.read("config.json").catch((cause: unknown) => cause));
    }
    expect(errors).toMatchInlineSnapshot(`
      [
        [PatchClampError: hubFiles: the cache CACHE is full.
        fix: make room and call again; what has come so far is kept.],
        [PatchClampError: hubFiles: the cache CACHE cannot be written to.
        fix: choose another folder with HF_HUB_CACHE.],
      ]
    `);
    expect(await blobs()).toEqual([]);
  });

  test("that cannot be made is named", async () => {
    hub.publish("org/tiny", files);
    await fs.writeFile(join(cache, "file"), "");
    const store = nodeHubStore(join(cache, "file"));
    const tiny = await open("org/tiny", { cache: store });
    await expect(tiny.read("config.json")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: hubFiles: the cache CACHE/file cannot be written to.
        fix: choose another folder with HF_HUB_CACHE.]
    `);
  });
});

describe("a signal", () => {
  test("stops the opening, a download and what follows it; what came is kept", async () => {
    hub.publish("org/tiny", files);
    const before = AbortSignal.abort();
    await expect(open("org/tiny", { signal: before })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: hubFiles: the download of hf:org/tiny was stopped.]`,
    );

    hub.fault = () => ({ silentAfter: 700, pieceBytes: 100 });
    const controller = new AbortController();
    const tiny = await open("org/tiny", {
      signal: controller.signal,
      onProgress: ({ receivedBytes }) => receivedBytes === 700 && controller.abort(),
    });
    await expect(tiny.read("model.safetensors")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: hubFiles: the download of "model.safetensors" of hf:org/tiny was stopped.]`,
    );
    await expect(tiny.read("config.json")).rejects.toMatchObject({ code: "ABORTED" });

    hub.fault = () => ({});
    expect(Uint8Array.from(await (await open()).read("model.safetensors"))).toEqual(weights);
    expect(hub.asked.at(-1)).toMatchObject({ range: "bytes=700-" });
  });

  test("ends the pause between two tries", async () => {
    hub.publish("org/tiny", files);
    const controller = new AbortController();
    hub.fault = () => {
      setImmediate(() => controller.abort());
      return { status: 503 };
    };
    const tiny = await open("org/tiny", { signal: controller.signal, retryMs: 1_000_000 });
    await expect(tiny.read("config.json")).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("bad input", () => {
  test.each(["", "a/b/c", "../x", "org/..", "org/a@", "org/a@../b", "org/a@b c", "a--b", "hf:a/b"])(
    "%j is no place",
    async (place) => {
      await expect(open(place)).rejects.toMatchObject({ code: "BAD_OPTION" });
      expect(hub.asked).toEqual([]);
    },
  );

  test("a place, an endpoint and a token are refused with a sentence", async () => {
    const errors = [
      await open("a/b/c").catch((cause: unknown) => cause),
      await open("a/b", { endpoint: "huggingface.co" }).catch((cause: unknown) => cause),
      await open("a/b", { token: "hf_1\n" }).catch((cause: unknown) => cause),
    ];
    expect(errors).toMatchInlineSnapshot(`
      [
        [PatchClampError: hubFiles: "a/b/c" is not the name of a repository.
        fix: write org/name, or org/name@revision.],
        [PatchClampError: hubFiles: the hub's endpoint "huggingface.co" is not an http or https URL.
        fix: check HF_ENDPOINT or the option \`endpoint\`.],
        [PatchClampError: hubFiles: the token has characters that no token has.
        fix: check HF_TOKEN or the option \`token\` for line breaks and quotes.],
      ]
    `);
  });

  test("a range beyond a file's end is refused before anything is downloaded", async () => {
    hub.publish("org/tiny", files);
    const tiny = await open();
    await expect(tiny.readRange("config.json", 0, 99)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: files: bytes 0..99 of "config.json" in hf:org/tiny were asked for, but it has 24 bytes.]`,
    );
    expect(hub.downloads()).toEqual([]);
  });

  test("writing is refused", async () => {
    hub.publish("org/tiny", files);
    const writing = (await open()).write("x", new Uint8Array());
    await expect(writing).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: write: x cannot be written to hf:org/tiny, which is a snapshot of a hub.
        fix: save into a folder.]
    `);
  });
});
