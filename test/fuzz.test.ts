// Everything that a user's file goes through, 20,000 times: it gives a result or a PatchClampError, within a second, and in memory in
// proportion to the file. Seeds are fixed, so that a failure comes back.

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { halfAt } from "../src/checkpoints/gguf/half.ts";
import { loadTokenizer } from "../src/checkpoints/tokenizer/tokenizer.ts";
import type { Files } from "../src/core/files.ts";
import { memoryFiles } from "../src/core/files.ts";
import { nodeFiles } from "../src/runtime/node-files.ts";
import type { AllocationCount } from "./fuzz/allocations.ts";
import { countAllocations } from "./fuzz/allocations.ts";
import { conversations, templates, writeChat } from "./fuzz/chats.ts";
import { mutatedConfigs, readFamily } from "./fuzz/configs.ts";
import type { Contents } from "./fuzz/gguf.ts";
import { damagedGguf, ggufPath, readGguf } from "./fuzz/gguf.ts";
import type { TinyCheckpoint } from "./fuzz/networks.ts";
import {
  mismatchedFolders,
  readNetwork,
  reconfiguredFolders,
  tinyCheckpoint,
} from "./fuzz/networks.ts";
import { readCheckpoint, safetensorsFiles, shardedFolders } from "./fuzz/safetensors.ts";
import { growth, jsonFolders, olderFolders, useTokenizer } from "./fuzz/tokenizers.ts";
import { countingReads, outcomeOf, Trial } from "./fuzz/trial.ts";
import type { Tally } from "./fuzz/trial.ts";
import { Watchdog } from "./fuzz/watchdog.ts";
import { goldenNames, openGolden } from "./golden/read.ts";
import { readChats, readTokenizers, tokenizerFolder } from "./golden/tokenizers/read.ts";

/** Cases by format; 20,000 in all. */
const cases = {
  safetensors: 2500,
  shards: 1000,
  gguf: 3500,
  configs: 4000,
  tokenizerJson: 1800,
  olderTokenizers: 1200,
  chats: 3000,
  networks: 3000,
};
/** Of a whole test, ms: many times what it takes on a machine that does nothing else. */
const timeout = 240_000;

let allocated: AllocationCount;
let watchdog: Watchdog;

beforeAll(() => {
  // a table that is made once, of all numbers in half precision
  halfAt(Uint8Array.of(0, 0), 0);
  allocated = countAllocations();
  watchdog = new Watchdog();
});

afterAll(() => {
  watchdog[Symbol.dispose]();
  allocated[Symbol.dispose]();
});

type Folder = Readonly<Record<string, Uint8Array | string>>;

const sizeOf = (content: Uint8Array | string): number =>
  typeof content === "string" ? new TextEncoder().encode(content).length : content.length;
const folderBytes = (folder: Folder): number =>
  Object.values(folder).reduce((sum, content) => sum + sizeOf(content), 0);

/** What a case opens. */
interface Reading<Opened> {
  readonly act: (files: Files, onRead: (bytes: number) => void) => Promise<Opened>;
  /** How often the bytes of the files may be read. */
  readonly reads: number;
  /** What is done with what was opened, in `growth` times the memory. Default: nothing. */
  readonly use?: (opened: Opened) => void;
  readonly growth?: number;
}

/** Runs folders through a reader; both outcomes must occur often, or the damage tests nothing. */
async function checkFolders<Opened>(
  folders: fc.Arbitrary<Folder>,
  numRuns: number,
  { act, reads, use = () => undefined, growth: times = 1 }: Reading<Opened>,
): Promise<Tally> {
  const trial = new Trial(allocated, watchdog);
  const uses = new Trial(allocated, watchdog);
  await fc.assert(
    fc.asyncProperty(folders, async (folder) => {
      const files = countingReads(memoryFiles(folder));
      const inputBytes = folderBytes(folder);
      let resultBytes = 0;
      const onRead = (bytes: number): void => void (resultBytes += bytes);
      const opened: Opened[] = [];
      await trial.run(async () => opened.push(await act(files, onRead)), {
        inputBytes,
        resultBytes: () => resultBytes,
      });
      for (const one of opened) await uses.run(() => use(one), { inputBytes: times * inputBytes });
      expect(files.bytesAsked()).toBeLessThanOrEqual(reads * inputBytes);
    }),
    { seed: 20, numRuns },
  );
  return trial.tally;
}

function expectBoth({ accepted, refused }: Tally): void {
  const all = accepted + refused;
  expect(Math.min(accepted, refused) / all).toBeGreaterThan(0.03);
}

test("there are 20,000 cases", () => {
  expect(Object.values(cases).reduce((sum, count) => sum + count, 0)).toBe(20_000);
});

test(
  "damaged safetensors files are read or refused, no byte twice",
  async () => {
    const folders = safetensorsFiles.map((bytes) => ({ "model.safetensors": bytes }));
    const act = async (files: Files, onRead: (bytes: number) => void): Promise<void> =>
      onRead(await readCheckpoint({ ...files, read: neverWhole }));
    expectBoth(await checkFolders(folders, cases.safetensors, { act, reads: 1 }));
  },
  timeout,
);

const neverWhole = (): Promise<never> =>
  Promise.reject(new Error("a safetensors file is never read as a whole"));

test(
  "damaged shards and indices are read or refused, no byte twice",
  async () => {
    const act = async (files: Files, onRead: (bytes: number) => void): Promise<void> =>
      onRead(await readCheckpoint(files));
    expectBoth(await checkFolders(shardedFolders, cases.shards, { act, reads: 1 }));
  },
  timeout,
);

test(
  "damaged GGUF files of every architecture and their vocabularies are read or refused",
  async () => {
    const folder = nodeFiles("test/golden/gguf");
    const names = (await folder.list()).filter((name) => name.endsWith(".gguf"));
    const act: Reading<void>["act"] = async (from, onRead) =>
      readGguf(from, new TextDecoder().decode(await from.read("holds")) as Contents, onRead);
    const files: fc.Arbitrary<Folder>[] = [];
    for (const name of names) {
      const holds = special[name] ?? "network";
      const whole = new Uint8Array(await folder.read(name));
      await act(memoryFiles({ [ggufPath]: whole, holds }), () => undefined);
      files.push((await damagedGguf(whole)).map((bytes) => ({ [ggufPath]: bytes, holds })));
    }
    expectBoth(await checkFolders(fc.oneof(...files), cases.gguf, { act, reads: 3 }));
  },
  timeout,
);

/** Files that hold no network. */
const special: Readonly<Record<string, Contents>> = {
  "byte-level.gguf": "vocabulary",
  "sentence-piece.gguf": "vocabulary",
  "quants.gguf": "tensors",
};

test(
  "mutated configs of every architecture give parameters of sane shapes or are refused",
  async () => {
    const goldens = await Promise.all(goldenNames.map(openGolden));
    const configs = await Promise.all(
      goldens.map(async ({ files }) => {
        const text = new TextDecoder().decode(await files.read("config.json"));
        return JSON.parse(text) as Record<string, unknown>;
      }),
    );
    const folders = mutatedConfigs(configs).map((text) => ({ "config.json": text }));
    expectBoth(await checkFolders(folders, cases.configs, { act: readFamily, reads: 1 }));
  },
  timeout,
);

const tokenizers = { act: loadTokenizer, reads: 1, use: useTokenizer, growth };

test(
  "mutated tokenizer.json files give a tokenizer that encodes, or are refused",
  async () => {
    const { all } = await readTokenizers();
    expectBoth(await checkFolders(jsonFolders(all), cases.tokenizerJson, tokenizers));
  },
  timeout,
);

test(
  "damaged SentencePiece, tiktoken, BPE and WordPiece vocabularies give a tokenizer or are refused",
  async () => {
    const read = async (name: string): Promise<Uint8Array> =>
      new Uint8Array(await tokenizerFolder.read(name));
    const folders = fc.oneof(
      olderFolders({ "tokenizer.model": await read("bpe.model") }),
      olderFolders({ "spiece.model": await read("unigram.model") }),
      olderFolders({ "qwen.tiktoken": await read("ranks.tiktoken") }),
      olderFolders({ "tokenizer.model": await read("ranks.tiktoken") }),
    );
    expectBoth(await checkFolders(folders, cases.olderTokenizers, tokenizers));
  },
  timeout,
);

test(
  "mutated chat templates write a prompt or are refused",
  async () => {
    const { templates: given } = await readChats();
    const trial = new Trial(allocated, watchdog);
    const options = fc.record(
      {
        addGenerationPrompt: fc.boolean(),
        continueFinalMessage: fc.boolean(),
        now: fc.constant(new Date(0)),
        tools: fc.constant([{ name: "f" }]),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        templates(Object.values(given)),
        conversations,
        options,
        async (template, messages, chosen) => {
          const inputBytes = template.length + JSON.stringify(messages).length;
          await trial.run(() => writeChat(template, messages, chosen), { inputBytes });
        },
      ),
      { seed: 20, numRuns: cases.chats },
    );
    expectBoth(trial.tally);
  },
  timeout,
);

test(
  "checkpoints whose files do not belong together give a network or are refused",
  async () => {
    const known = await knownCheckpoints();
    const act = (from: Files): Promise<void> => readNetwork(from, false);
    expectBoth(await checkFolders(mismatchedFolders(known), cases.networks, { act, reads: 4 }));
  },
  timeout,
);

test(
  "networks whose configs alone were changed run, or are refused",
  async () => {
    const known = await knownCheckpoints();
    const tally = { accepted: 0, refused: 0 };
    // these compile sessions, which have costs of their own: only how they end is looked at
    await fc.assert(
      fc.asyncProperty(reconfiguredFolders(known), async (folder) => {
        const outcome = await outcomeOf(() => readNetwork(memoryFiles(folder), true));
        tally[outcome] += 1;
      }),
      { seed: 20, numRuns: 100 },
    );
    expectBoth(tally);
  },
  timeout,
);

/** The goldens' checkpoints, which open as they are. */
async function knownCheckpoints(): Promise<TinyCheckpoint[]> {
  const known: TinyCheckpoint[] = [];
  for (const { files } of await Promise.all(goldenNames.map(openGolden))) {
    const checkpoint = await tinyCheckpoint(files);
    if (checkpoint === undefined) continue;
    await readNetwork(files, false);
    known.push(checkpoint);
  }
  return known;
}
