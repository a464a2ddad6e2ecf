// Sessions: loads graphs into ONNX Runtime, keeps recent ones, runs one at a time.

import type { InferenceSession, OnnxValue, Tensor as OrtTensor } from "onnxruntime-common";

import { PatchClampError } from "../core/errors.ts";
import type { Emitted } from "../onnx/emit.ts";
import { emitGraph } from "../onnx/emit.ts";
import type { Executable, Executor, ExecutorOptions } from "../tensor/executor.ts";
import type { Graph } from "../tensor/graph.ts";
import { collect, printGraph } from "../tensor/graph.ts";
import { hostValue } from "../tensor/leaf.ts";
import { full } from "../tensor/ops/creation.ts";
import type { Device } from "../tensor/op.ts";
import type { Aval, Node, Tensor, TypedArray, Value } from "../tensor/tensor.ts";
import { bytesOf, sizeOf } from "../tensor/tensor.ts";
import type { Backend } from "./backend.ts";
import { Pool, PooledValue } from "./memory.ts";
import { COPY_COSTS_FROM, runInto } from "./run-into.ts";

/** Loaded graphs kept for use again; each holds the memory of its largest run. */
const SESSIONS_KEPT = 96;

/** Bytes of interior values, and at least of baked weights, summed over kept sessions, above which old ones go. */
const BYTES_KEPT = 2 ** 30;

/** The part of memory that baked weights may take: each phase of generation has a session, and loading one is slow. */
const BAKED_PART = 1 / 4;

type Kept = "arena" | "baked";

interface Loaded {
  readonly session: InferenceSession;
  /** Without the weights, which the session holds now: the network may be gone before it. */
  readonly emitted: Omit<Emitted, "baked">;
  readonly outputs: readonly Aval[];
  readonly runsInto: boolean;
  /** What it keeps: interior values, roughly, and baked weights. */
  readonly bytes: Readonly<Record<Kept, number>>;
}

/** The executor of one platform. */
export class OrtExecutor implements Executor {
  readonly #backend: Backend;
  #device: Device;
  #threads: number;
  #options: Promise<InferenceSession.SessionOptions> | undefined;
  /** In order of last use. */
  readonly #sessions = new Map<string, Promise<Loaded>>();
  #queue: Promise<unknown> = Promise.resolve();
  readonly #pool: Pool;
  readonly #uploads = new WeakMap<TypedArray, OrtTensor>();

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#pool = new Pool(backend.allocate);
    this.#device = backend.devices[0]!;
    this.#threads = backend.defaultThreads();
  }

  async configure({
    device = this.#device,
    threads = this.#threads,
  }: ExecutorOptions): Promise<void> {
    if (!this.#backend.devices.includes(device)) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "configure",
        problem: `device "${device}" does not exist on this platform; it has ${this.#backend.devices.join(", ")}.`,
      });
    }
    if (!Number.isInteger(threads) || threads < 1) {
      throw new PatchClampError("BAD_OPTION", {
        where: "configure",
        problem: `threads is ${threads}, not a whole number of at least 1.`,
      });
    }
    const options = this.#backend.sessionOptions(device, threads);
    await this.#probe(device, await options);
    this.#options = options;
    this.#device = device;
    this.#threads = threads;
    for (const key of this.#sessions.keys()) this.#drop(key);
  }

  /** Loads the smallest graph, because a device can be offered and yet be missing. */
  async #probe(device: Device, options: InferenceSession.SessionOptions): Promise<void> {
    if (device === "cpu" || device === "wasm") return;
    const { bytes } = emitGraph(collect([full([1], 0)]), { device });
    try {
      const session = await this.#backend.ort.InferenceSession.create(bytes, options);
      await session.release();
    } catch (cause) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "configure",
        problem: `this computer cannot run on ${device}; ONNX Runtime finds no usable device or driver.`,
        fix: `stay on "${this.#device}", or install what ${device} needs (see the cause).`,
        facts: { device },
        cause,
      });
    }
  }

  async prepare(graph: Graph): Promise<Executable> {
    const key = printGraph(graph);
    await this.#load(key, graph);
    return {
      run: async (inputs, recycle = []) => {
        const loaded = await this.#load(key, graph);
        // what is not loaded yet is loaded side by side, and may itself need a turn
        const missing = inputs.filter(
          (value, i) =>
            loaded.emitted.inputs[i] !== undefined &&
            value.data === undefined &&
            !isOnDevice(value),
        );
        if (missing.length > 0) await Promise.all(missing.map((value) => value.read()));
        // reading runs other graphs, which may have pushed this one out
        const ready = missing.length > 0 ? await this.#load(key, graph) : loaded;
        const turn = this.#queue.then(() => this.#run(ready, graph, inputs, recycle));
        this.#queue = turn.catch(() => undefined);
        return turn;
      },
    };
  }

  #load(key: string, graph: Graph): Promise<Loaded> {
    const known = this.#sessions.get(key);
    const loading = known ?? this.#create(graph);
    this.#sessions.delete(key);
    this.#sessions.set(key, loading);
    if (known === undefined) {
      loading.then(
        () => this.#evict(),
        () => this.#sessions.delete(key),
      );
    }
    return loading;
  }

  async #create(graph: Graph): Promise<Loaded> {
    const outputBytes = graph.outputs.reduce((sum, output) => sum + bytesOf(output), 0);
    const writesInto = this.#backend.writesInto(this.#device);
    const runsInto = writesInto && outputBytes > COPY_COSTS_FROM;
    const { baked, ...emitted } = emitGraph(graph, {
      device: this.#device,
      withSequence: runsInto,
      // host arrays have no shape of their own; values on a device keep the one they were made with
      outputsWholes: writesInto,
      bakes: true,
    });
    this.#options ??= this.#backend.sessionOptions(this.#device, this.#threads);
    const externalData = await Promise.all([...baked].map(bakedBytes));
    try {
      const session = await this.#backend.ort.InferenceSession.create(emitted.bytes, {
        ...(await this.#options),
        ...(externalData.length === 0 ? {} : { externalData }),
      });
      const outputs = graph.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
      const bytes = {
        arena: interiorBytes(graph),
        baked: externalData.reduce((sum, { data }) => sum + data.byteLength, 0),
      };
      return { session, emitted, outputs, runsInto, bytes };
    } catch (error) {
      throw explain(error, emitted, graph.nodes, this.#device);
    }
  }

  async #run(
    loaded: Loaded,
    { nodes }: Graph,
    inputs: readonly Value[],
    recycle: readonly Value[],
  ): Promise<Value[]> {
    const { session, emitted, outputs, runsInto } = loaded;
    const feeds: Record<string, OnnxValue> = {};
    for (const [i, name] of emitted.inputs.entries())
      if (name !== undefined) feeds[name] = this.#feed(inputs[i]!);
    try {
      if (!runsInto) {
        const results = await session.run(feeds);
        for (const value of new Set(recycle)) value.dispose();
        return outputs.map((aval, i) =>
          fromOrt(results[emitted.outputs[i]!.name] as OrtTensor, aval),
        );
      }
      const outs: Record<string, OrtTensor> = {};
      const results = outputs.map((aval, i) => {
        const data = this.#pool.take(aval);
        const { name, shape } = emitted.outputs[i]!;
        outs[name] = this.#wrap(data, { dtype: aval.dtype, shape });
        return new PooledValue(data, aval, this.#pool);
      });
      await runInto(session, feeds, outs);
      for (const value of new Set(recycle)) this.#recycle(value);
      return results;
    } catch (error) {
      throw explain(error, emitted, nodes, this.#device);
    }
  }

  /** An ONNX Runtime tensor of a value; host data of results that feed a device is uploaded once. */
  #feed(value: Value): OnnxValue {
    if (isOnDevice(value)) return value.tensor;
    const data = value.data!;
    let tensor = this.#uploads.get(data);
    if (tensor === undefined || sizeDiffers(tensor, value)) {
      tensor = this.#wrap(data, value);
      this.#uploads.set(data, tensor);
    }
    return tensor;
  }

  #wrap(data: TypedArray, { dtype, shape }: Aval): OrtTensor {
    const { Tensor } = this.#backend.ort;
    const tensor = new Tensor(dtype as "float32", data as Float32Array, shape);
    if (dtype === "float16") this.#backend.bindHalf(tensor, data);
    return tensor;
  }

  /** Keeps the memory of a value that its owner gave up. */
  #recycle(value: Value): void {
    if (value instanceof PooledValue) value.dispose();
    else if (value.data !== undefined) this.#pool.give(value.data);
  }

  #evict(): void {
    const keys = [...this.#sessions.keys()];
    if (keys.length > SESSIONS_KEPT) this.#drop(keys[0]!);
    void this.#evictByMemory();
  }

  async #evictByMemory(): Promise<void> {
    const loaded = await Promise.all(
      [...this.#sessions].map(async ([key, loading]) => ({
        key,
        bytes: (await loading.catch(() => undefined))?.bytes ?? { arena: 0, baked: 0 },
      })),
    );
    const memory = this.#backend.memoryBytes?.() ?? 0;
    const most = { arena: BYTES_KEPT, baked: Math.max(BYTES_KEPT, memory * BAKED_PART) };
    for (const kind of ["arena", "baked"] as const) {
      let total = loaded.reduce((sum, { bytes }) => sum + bytes[kind], 0);
      for (const { key, bytes } of loaded.slice(0, -1)) {
        if (total <= most[kind]) break;
        total -= bytes[kind];
        if (bytes[kind] > 0) this.#drop(key);
      }
    }
  }

  /** Forgets a session and frees it once the runs in the queue are done. */
  #drop(key: string): void {
    const loading = this.#sessions.get(key);
    this.#sessions.delete(key);
    if (loading === undefined) return;
    this.#queue = this.#queue
      .then(async () => (await loading).session.release())
      .catch(() => undefined);
  }
}

/** A leaf's bytes, in the form of the session option `externalData`. */
async function bakedBytes([path, { value }]: readonly [string, Tensor]): Promise<{
  readonly path: string;
  readonly data: Uint8Array;
}> {
  const { buffer, byteOffset, byteLength } = await value!.read();
  return { path, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** A rough estimate of what a session keeps of what it computes: half of all interior values are taken to be alive at once. */
function interiorBytes({ nodes }: Graph): number {
  const all = nodes.reduce(
    (sum, { outputs }) => sum + outputs.reduce((bytes, output) => bytes + bytesOf(output), 0),
    0,
  );
  return all / 2;
}

interface DeviceValue extends Value {
  readonly tensor: OrtTensor;
}

function isOnDevice(value: Value): value is DeviceValue {
  return "tensor" in value;
}

function fromOrt(tensor: OrtTensor, { shape, dtype }: Aval): Value {
  // an operator whose shape was foretold wrongly
  if (sizeOf(tensor.dims) !== sizeOf(shape))
    throw new Error(`it gave [${tensor.dims.join(", ")}] where [${shape.join(", ")}] was to come`);
  if (tensor.location === "cpu" || tensor.location === "cpu-pinned" || tensor.location === "none") {
    return hostValue(bitsOf(tensor.data as TypedArray, dtype), { shape, dtype });
  }
  const value: DeviceValue = {
    shape,
    dtype,
    data: undefined,
    tensor,
    read: async () => bitsOf((await tensor.getData()) as TypedArray, dtype),
    dispose: () => tensor.dispose(),
  };
  return value;
}

/** Where the language has Float16Array, ONNX Runtime uses it; here float16 is its bits everywhere. */
function bitsOf(data: TypedArray, dtype: Aval["dtype"]): TypedArray {
  if (dtype !== "float16" || data instanceof Uint16Array) return data;
  const { buffer, byteOffset, length } = data as TypedArray;
  return new Uint16Array(buffer, byteOffset, length);
}

function sizeDiffers(tensor: OrtTensor, { shape, dtype }: Aval): boolean {
  return (
    tensor.type !== dtype ||
    tensor.dims.length !== shape.length ||
    tensor.dims.some((size, i) => size !== shape[i])
  );
}

/** Says which op failed and where the user's code made it: `nodes` are those of the graph that ran. */
function explain(
  error: unknown,
  { positions }: Pick<Emitted, "positions">,
  nodes: readonly Node[],
  device: Device,
): PatchClampError {
  const message = error instanceof Error ? error.message : String(error);
  const name = /(?:Name:\s*'([^']+)'|Node\s*\(([^)]+)\))/.exec(message);
  const node = nodes[positions.get(name?.[1] ?? name?.[2] ?? "") ?? -1];
  const at =
    node === undefined
      ? ""
      : ` at ${node.label ?? node.op.name} (${node.op.name})${tracedFrom(node)}`;
  return new PatchClampError("RUNTIME_FAILED", {
    where: "run",
    problem: `ONNX Runtime (${device}) failed${at}: ${message.trim()}`,
    facts: { device, op: node?.op.name, label: node?.label },
    cause: error,
  });
}

/** The first stack frame outside the tracing code. */
function tracedFrom({ origin }: Node): string {
  const frames = (origin?.stack ?? "").split("\n").slice(1);
  const isTracing = (frame: string): boolean =>
    /[\\/](?:src|dist)[\\/](?:tensor|nn)[\\/](?!.*\.test\.)/.test(frame);
  const frame = frames.find((line) => !isTracing(line));
  const place =
    frame === undefined ? undefined : /\(?((?:file:\/\/)?[^\s()]+:\d+):\d+\)?$/.exec(frame.trim());
  return place === undefined || place === null
    ? ""
    : `, traced from ${place[1]!.replace("file://", "")}`;
}
