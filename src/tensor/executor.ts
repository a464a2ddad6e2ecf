// The arrow between tracing and running: `tensor/` says what it needs here, `runtime/` provides it at load.

import { PatchClampError } from "../core/errors.ts";
import type { Graph } from "./graph.ts";
import type { Device } from "./op.ts";
import type { Value } from "./tensor.ts";

/** A graph that is ready to run. */
export interface Executable {
  /**
   * Runs on values of the graph's inputs, in order; returns its outputs, in order.
   *
   * @param recycle - values that the caller gives up: their memory may hold the outputs of a later run
   */
  readonly run: (inputs: readonly Value[], recycle?: readonly Value[]) => Promise<readonly Value[]>;
}

/** Where and how graphs run. */
export interface ExecutorOptions {
  /** `cpu`, `cuda` or `webgpu` in Node; `wasm` or `webgpu` in a browser. Default: `cpu`, `wasm`. */
  readonly device?: Device;
  /** Threads of the CPU and WASM backends. Default: the number of cores, at most 8. */
  readonly threads?: number;
}

/** Runs graphs. One exists a process; importing `runtime/` installs it. */
export interface Executor {
  readonly configure: (options: ExecutorOptions) => Promise<void>;
  /** Writes down and loads a graph, or finds it among the loaded ones. */
  readonly prepare: (graph: Graph) => Promise<Executable>;
}

let installed: Executor | undefined;

/** Makes graphs runnable; called once by `runtime/`. */
export function installExecutor(executor: Executor): void {
  installed = executor;
}

/** The installed executor. */
export function executor(): Executor {
  if (installed === undefined) {
    throw new PatchClampError("RUNTIME_FAILED", {
      where: "evaluate",
      problem: "no runtime is loaded, so a traced graph cannot run.",
      fix: 'import from "patchclamp" or "patchclamp/tensor", which load one.',
    });
  }
  return installed;
}

/**
 * Chooses where graphs run from now on.
 *
 * @throws PatchClampError `UNSUPPORTED` when this platform does not offer the device
 */
export async function configure(options: ExecutorOptions): Promise<void> {
  await executor().configure(options);
}
