// ONNX files: what it costs to see inside, to list what is there, and to write a steered one.

import { copyFile, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";

import { bakeOnnx, configure, loadOnnx, openFolder, surgery } from "patchclamp";
import type { Pass } from "patchclamp";
import * as ort from "onnxruntime-node";

import { timed } from "../harness.ts";
import type { Contest, Entry } from "../harness.ts";
import { once, root, THREADS } from "../machine.ts";
import { BERT_BASE, bertFile, externalFile, q4Folder } from "../ours/onnx.ts";
import { someIntervention } from "../ours/steered.ts";
import type { Suite } from "../run.ts";
import { GPT2_SMALL, prompt } from "../weights.ts";

const POS = 128;
const LIST_MS = 1000;
const LIST_MB = 60;
const INTERVENTIONS = 10;

/** The suite `onnx`. */
export function onnx(): Suite {
  const entries: Entry[] = [
    {
      name: "capture-hidden",
      unit: "ms",
      bar: "at most 1.10x its time",
      target: 1 / 1.1,
      tolerance: 1e-4,
      prepare: captureHidden,
    },
    {
      name: "list-sites",
      unit: "ms",
      bar: `at most 1 s, and ${LIST_MB} MB`,
      target: 1,
      rounds: 5,
      seconds: 0,
      prepare: listSites,
    },
    {
      name: "bake",
      unit: "ms",
      bar: "at most 2x its time",
      target: 0.5,
      prepare: bake,
    },
  ];
  return { entries };
}

/** The stream before the first block and after each of them, beside the file as it is. */
async function captureHidden(): Promise<Contest> {
  const file = bertFile();
  const ids = prompt("clean", POS, BERT_BASE.vocabulary);
  await configure({ threads: THREADS });
  // as one opens a model to look into it much
  const net = await loadOnnx(file, { weights: "fp32-prepacked" });
  const capture = ["blocks.0.resid_pre", "blocks.*.resid_post"];
  const last = `blocks.${BERT_BASE.layers - 1}.resid_post`;
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: THREADS,
    logSeverityLevel: 3,
    extra: { session: { force_spinning_stop: "1" } },
  });
  const row = (values: readonly number[]): ort.Tensor =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, POS]);
  const feeds = {
    input_ids: row(ids),
    attention_mask: row(ids.map(() => 1)),
    token_type_ids: row(ids.map(() => 0)),
  };
  const some = (data: ArrayLike<number>): number[] => Array.from(data).slice(-64);
  return {
    ours: async () => {
      const { ms, out } = await timed<Pass>(() => net.run({ input_ids: [ids] }, { capture }));
      using pass = out;
      return { value: ms, result: some(await pass.at(last).numbers()) };
    },
    peer: async () => {
      const { ms, out } = await timed(() => session.run(feeds));
      return { value: ms, result: some(out["last_hidden_state"]!.data as Float32Array) };
    },
    peerName: "onnxruntime-node, the file as it is",
    close: () => session.release(),
  };
}

/** In a fresh process, as who asks for sites on a command line gets them. */
async function listSites(): Promise<Contest> {
  externalFile();
  const first = once("onnx-sites");
  const extra = first.peakMb - first.restMb;
  return {
    ours: async () => ({ value: once("onnx-sites").ms }),
    peer: async () => ({ value: LIST_MS }),
    peerName: "bar",
    note: `${extra.toFixed(0)} MB of extra memory`,
    alsoHolds: extra <= LIST_MB,
  };
}

/** From the file to the steered file on disk, beside a copy of it on disk. */
async function bake(): Promise<Contest> {
  const { folder, model } = await q4Folder();
  const files = openFolder(folder);
  const net = await loadOnnx(path.join(folder, model));
  const all = Array.from({ length: 6 * INTERVENTIONS }, (_, i) => someIntervention(i, GPT2_SMALL));
  const interventions = all.filter((one) => one.at === undefined).slice(0, INTERVENTIONS);
  const out = path.join(root, ".cache", "bench-onnx", "out");
  await mkdir(out, { recursive: true });
  const target = openFolder(out);
  return {
    ours: async () => {
      const { ms } = await timed(async () => {
        const opened = await surgery({ files, path: model });
        await bakeOnnx(opened, net, interventions).save(target, "baked.onnx");
      });
      return { value: ms };
    },
    peer: async () => {
      const copy = path.join(out, "copy.onnx");
      const { ms } = await timed(async () => {
        await copyFile(path.join(folder, model), copy);
        // ours is on the disk when it is done, too
        const file = await open(copy, "r+");
        await file.sync();
        await file.close();
      });
      return { value: ms };
    },
    peerName: "a copy of the file",
    close: () => rm(out, { recursive: true, force: true }),
  };
}
