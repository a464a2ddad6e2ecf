// ONNX Runtime in the browser.

import * as ort from "onnxruntime-web/webgpu";

import { PatchClampError } from "../core/errors.ts";
import type { Backend } from "./backend.ts";
import { webFiles } from "./web-files.ts";

/** WASM, with threads where the page is cross-origin isolated, and WebGPU where the browser has it. */
export const backend: Backend = {
  ort,
  devices: ["wasm", "webgpu"],
  defaultThreads: () =>
    globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1,
  sessionOptions: async (device, threads) => {
    if (device === "webgpu" && !("gpu" in navigator)) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "configure",
        problem: "this browser has no WebGPU.",
        fix: 'use device "wasm".',
      });
    }
    ort.env.wasm.numThreads = threads;
    return {
      executionProviders: [device],
      graphOptimizationLevel: "basic",
      enableMemPattern: false,
      logSeverityLevel: 4,
      ...(device === "webgpu" ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
    };
  },
  writesInto: () => false,
  bindHalf: () => undefined,
  allocate: (bytes) => new ArrayBuffer(bytes),
  openFolder: (place) => webFiles(new URL(place, globalThis.location.href).href),
};
