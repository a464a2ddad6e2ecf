// What a platform offers: ONNX Runtime for Node (`node.ts`) or for the browser (`web.ts`). `#engine` in package.json
// picks one of the two files.

import type * as Ort from "onnxruntime-common";

import type { Files } from "../core/files.ts";
import type { Device } from "../tensor/op.ts";
import type { TypedArray } from "../tensor/tensor.ts";
import type { HubSettings } from "./hub-store.ts";

/** ONNX Runtime on one platform. */
export interface Backend {
  readonly ort: typeof Ort;
  readonly devices: readonly Device[];
  readonly defaultThreads: () => number;
  /** Session options for a device; called again when the configuration changes. */
  readonly sessionOptions: (
    device: Device,
    threads: number,
  ) => Promise<Ort.InferenceSession.SessionOptions>;
  /** Whether results may be written into arrays that we allocate (see `run-into.ts`). */
  readonly writesInto: (device: Device) => boolean;
  /** Makes a float16 tensor hold these bits in the form that this platform's ONNX Runtime reads. */
  readonly bindHalf: (tensor: Ort.Tensor, bits: TypedArray) => void;
  /** Memory for a result, which need not be zeroed because all of it will be written. */
  readonly allocate: (bytes: number) => ArrayBuffer;
  /** The files at a place: a folder's path or file URL in Node, a URL in the browser. */
  readonly openFolder: (place: string) => Files;
  /** Memory that this process may use, in bytes. A page is not told. */
  readonly memoryBytes?: () => number;
  /** What the surroundings say about model hubs, and where downloads are kept. A page has no such surroundings. */
  readonly hubSettings?: () => Promise<HubSettings>;
}
