// ONNX Runtime in Node.

import { Buffer } from "node:buffer";
import { availableParallelism, totalmem } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

import * as ort from "onnxruntime-node";

import { PatchClampError } from "../core/errors.ts";
import type { Backend } from "./backend.ts";
import { nodeFiles } from "./node-files.ts";
import { nodeHubSettings } from "./node-hub-store.ts";

/** Native CPU; CUDA and WebGPU where this build of ONNX Runtime offers them. */
export const backend: Backend = {
  ort,
  devices: ["cpu", "cuda", "webgpu"],
  defaultThreads: () => Math.min(availableParallelism(), 8),
  sessionOptions: async (device, threads) => {
    const offered = ort.listSupportedBackends().map(({ name }) => name);
    if (!offered.includes(device)) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "configure",
        problem: `this build of onnxruntime-node runs on ${offered.join(", ")}, not on ${device}.`,
        fix: 'use device "cpu".',
      });
    }
    return {
      executionProviders: [device],
      graphOptimizationLevel: "basic",
      // halves what a session keeps, at equal speed
      enableMemPattern: false,
      intraOpNumThreads: threads,
      logSeverityLevel: 4, // what fails is thrown; it need not be printed too
      // sessions share the cores only if their idle threads stop spinning
      extra: { session: { force_spinning_stop: "1" } },
    };
  },
  writesInto: (device) => device === "cpu",
  // From Node 24 on, onnxruntime-common makes a Float16Array of the bits, which the binding of 1.30 reads as empty.
  bindHalf: (tensor, bits) => void Object.assign(tensor, { cpuData: bits }),
  allocate: (bytes) => Buffer.allocUnsafeSlow(bytes).buffer,
  openFolder: (place) => nodeFiles(place.startsWith("file://") ? fileURLToPath(place) : place),
  // 0 where nothing limits the process
  memoryBytes: () => Math.min(totalmem(), process.constrainedMemory() || Infinity),
  hubSettings: () => nodeHubSettings(),
};
