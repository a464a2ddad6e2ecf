import { spawnSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { homedir, hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { nodeHubSettings, nodeHubStore } from "./node-hub-store.ts";

let root: string;
beforeEach(async () => void (root = await fs.mkdtemp(join(tmpdir(), "store-"))));
afterEach(async () => fs.rm(root, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const host = hostname().replaceAll(/[^\w-]/g, "-");

/** A file that a process of this number might be downloading to `blobs/a`. */
async function leave(pid: number, content: string, of = host): Promise<string> {
  await fs.mkdir(join(root, "blobs"), { recursive: true });
  const path = join(root, `blobs/a.${of}.${pid}-0-0.incomplete`);
  await fs.writeFile(path, content);
  return path;
}

describe("a partial file", () => {
  test("gets its name when it is finished, and not before", async () => {
    const partial = await nodeHubStore(root).partial("blobs/a");
    await partial.append(bytes("one, "));
    await partial.append(bytes("two"));
    await partial.seal();
    expect(await fs.readdir(join(root, "blobs"))).toEqual([partial.path.slice("blobs/".length)]);
    await partial.finish();
    expect(await fs.readdir(join(root, "blobs"))).toEqual(["a"]);
    expect(await fs.readFile(join(root, "blobs/a"), "utf8")).toBe("one, two");
  });

  test("is found again after it was closed, and starts anew after it was cleared or discarded", async () => {
    const store = nodeHubStore(root);
    const first = await store.partial("blobs/a");
    await first.append(bytes("one"));
    await first.close();
    const second = await store.partial("blobs/a");
    expect(second.sizeBytes).toBe(3);
    await second.clear();
    await second.append(bytes("x"));
    expect(await fs.readFile(join(root, second.path), "utf8")).toBe("x");
    await second.discard();
    const third = await store.partial("blobs/a");
    expect(third.sizeBytes).toBe(0);
    await third.discard();
  });

  test("that is open is not given to a second writer", async () => {
    const store = nodeHubStore(root);
    const first = await store.partial("blobs/a");
    await first.append(bytes("one"));
    const second = await store.partial("blobs/a");
    expect([second.sizeBytes, second.path === first.path]).toEqual([0, false]);
    await Promise.all([first.discard(), second.discard()]);
  });

  test("of a process that ended is taken over, the fullest first", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const left = await leave(pid, "most of it");
    await leave(pid + 2 ** 23, "some"); // beyond the largest process number
    const partial = await nodeHubStore(root).partial("blobs/a");
    expect(partial.sizeBytes).toBe(10);
    await expect(fs.stat(left)).rejects.toThrow("ENOENT");
    await partial.discard();
  });

  test("of a process that runs, or of another computer, is left alone", async () => {
    await leave(process.ppid, "busy");
    await leave(2 ** 23, "far away", "elsewhere");
    const partial = await nodeHubStore(root).partial("blobs/a");
    expect(partial.sizeBytes).toBe(0);
    await partial.discard();
    expect(await fs.readdir(join(root, "blobs"))).toHaveLength(2);
  });
});

describe("a link", () => {
  test("is relative, so that the cache can be moved", async () => {
    const store = nodeHubStore(root);
    await store.folder("").write("blobs/a", bytes("one"));
    await store.link!("blobs/a", "snapshots/1/sub/a.txt");
    expect(await fs.readlink(join(root, "snapshots/1/sub/a.txt"))).toBe("../../../blobs/a");
    await store.link!("blobs/a", "snapshots/1/sub/a.txt"); // once more does no harm
    expect(await fs.readdir(join(root, "snapshots/1/sub"))).toEqual(["a.txt"]);
  });

  test("is a copy where there are no links", async () => {
    const store = nodeHubStore(root, { symlinks: false });
    await store.folder("").write("blobs/a", bytes("one"));
    await store.link!("blobs/a", "snapshots/1/a.txt");
    expect((await fs.lstat(join(root, "snapshots/1/a.txt"))).isFile()).toBe(true);
    expect(await fs.readFile(join(root, "snapshots/1/a.txt"), "utf8")).toBe("one");
  });
});

describe("the environment", () => {
  test("that says nothing means the folder in the home directory and no token", async () => {
    const { endpoint, offline, store } = await nodeHubSettings({ HF_TOKEN_PATH: "/nowhere" });
    expect([endpoint, offline]).toEqual([undefined, false]);
    expect(store.name).toBe(join(homedir(), ".cache/huggingface/hub"));
  });

  test.each([
    [{ HF_HUB_CACHE: "/a", HF_HOME: "/b" }, "/a"],
    [{ HUGGINGFACE_HUB_CACHE: "/a", HF_HOME: "/b" }, "/a"],
    [{ HF_HOME: "/b", XDG_CACHE_HOME: "/c" }, "/b/hub"],
    [{ XDG_CACHE_HOME: "/c", HF_HOME: "" }, "/c/huggingface/hub"],
    [{ HF_HOME: "~/models" }, join(homedir(), "models/hub")],
  ])("%j keeps files in %s", async (env, folder) => {
    expect((await nodeHubSettings(env)).store.name).toBe(folder);
  });

  test("names a token, or a file that has one", async () => {
    await fs.writeFile(join(root, "token"), "hf_stored\n");
    const token = async (env: Record<string, string>): Promise<string | undefined> =>
      (await nodeHubSettings({ HF_HOME: root, ...env })).token;
    expect(await token({})).toBe("hf_stored");
    expect(await token({ HF_TOKEN_PATH: join(root, "none") })).toBe(undefined);
    expect(await token({ HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
    expect(await token({ HF_TOKEN: "hf_new", HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_new");
    expect(await token({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBe(undefined);
  });

  test("turns the network off and names another hub", async () => {
    const { endpoint, offline } = await nodeHubSettings({
      HF_ENDPOINT: "https://hub.example",
      HF_HUB_OFFLINE: "1",
    });
    expect([endpoint, offline]).toEqual(["https://hub.example", true]);
    expect((await nodeHubSettings({ HF_HUB_OFFLINE: "0" })).offline).toBe(false);
  });
});
