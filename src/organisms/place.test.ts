import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { hubServer } from "../../test/hub-server.ts";
import type { HubServer } from "../../test/hub-server.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openFolder } from "../runtime/open-folder.ts";
import { nodeHubStore } from "../runtime/node-hub-store.ts";
import { loadNetwork } from "./load-network.ts";
import type { PlaceOptions } from "./place.ts";

const prompt = [2, 60, 28, 71];

test("a GGUF file is opened by its path or by its URL", async () => {
  const byPath = await loadNetwork("test/golden/gguf/llama.gguf");
  const byUrl = await loadNetwork(
    new URL("../../test/golden/gguf/llama.gguf", import.meta.url).href,
  );
  const [one, other] = [await byPath.run([2, 7, 3]), await byUrl.run([2, 7, 3])];
  expect(maxDifference(await one.logits.numbers(), await other.logits.numbers())).toBe(0);
});

test("a GGUF file that is not there is named", async () => {
  await expect(
    loadNetwork("test/golden/gguf/unicorn.gguf"),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: test/golden/gguf has no file "unicorn.gguf".]`,
  );
});

describe("a repository of a hub", () => {
  let hub: HubServer;
  let cache: string;
  let options: PlaceOptions;
  beforeEach(async () => {
    hub = await hubServer();
    cache = await fs.mkdtemp(join(tmpdir(), "hub-"));
    options = {
      hub: { endpoint: hub.endpoint, cache: nodeHubStore(cache), offline: false, retryMs: 0 },
    };
  });
  afterEach(async () => {
    await hub.close();
    await fs.rm(cache, { recursive: true });
  });

  test("gives the network of its folder, and of one file of it", async () => {
    const folder = openFolder("test/golden/gpt2");
    hub.publish("org/nets", {
      "config.json": await folder.read("config.json"),
      "model.safetensors": await folder.read("model.safetensors"),
      "small/llama.gguf": await openFolder("test/golden/gguf").read("llama.gguf"),
    });
    const net = await loadNetwork("hf:org/nets", options);
    expect(net.name).toBe("hf:org/nets");
    const here = await loadNetwork("test/golden/gpt2");
    const [there, want] = [await net.run(prompt), await here.run(prompt)];
    expect(maxDifference(await there.logits.numbers(), await want.logits.numbers())).toBe(0);

    const file = await loadNetwork("hf:org/nets@main:small/llama.gguf", options);
    expect(file.sites().map(({ name }) => name)).toContain("blocks.0.mlp.gate");
  });
});
