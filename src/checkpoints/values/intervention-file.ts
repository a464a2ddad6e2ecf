// Interventions, probes and adapters as files.

import type { Files } from "../../core/files.ts";
import type { Adapter, AdapterInput } from "../../values/adapter.ts";
import { adapter, adapterSchema } from "../../values/adapter.ts";
import type {
  Identified,
  InterventionSet,
  InterventionSetInput,
  NetworkIdentity,
  Origin,
} from "../../values/intervention-set.ts";
import {
  checkConflicts,
  interventionSet,
  interventionSetSchema,
  originOf,
} from "../../values/intervention-set.ts";
import type { Probe, ProbeInput } from "../../values/probe.ts";
import { probe, probeSchema } from "../../values/probe.ts";
import type { ValueForm } from "./value-file.ts";
import { readValueFile, writeValue } from "./value-file.ts";

const interventionForm = {
  key: "patchclamp.intervention",
  what: "the set",
  schema: interventionSetSchema,
} as const satisfies ValueForm<typeof interventionSetSchema>;

const probeForm = {
  key: "patchclamp.probe",
  what: "the probe",
  schema: probeSchema,
} as const satisfies ValueForm<typeof probeSchema>;

const adapterForm = {
  key: "patchclamp.adapter",
  what: "the adapter",
  schema: adapterSchema,
} as const satisfies ValueForm<typeof adapterSchema>;

/** Options of reading a value. */
export interface ReadValueOptions {
  /** The network that will be changed, or its identity. Default: unknown. */
  readonly network?: Identified | NetworkIdentity | undefined;
  /** What errors call the file. Default: "the file". */
  readonly name?: string;
}

/** Interventions of a file. */
export interface ReadInterventions {
  readonly set: InterventionSet;
  /** Whether the network at hand is the one that they were made for: `different` is no error, and surfaces show it. */
  readonly origin: Origin;
}

/**
 * Writes a set as one file: safetensors with `patchclamp.intervention` in its metadata.
 *
 * @returns the whole file; the same set gives the same bytes
 * @throws PatchClampError what `interventionSet` throws
 */
export function writeInterventions(set: InterventionSetInput): Uint8Array {
  return writeValue(interventionForm, interventionSet(set));
}

/**
 * Reads a set from a file, and compares the network that it was made for with the one at hand.
 *
 * @param bytes - the whole file
 * @throws PatchClampError `BAD_FILE` when the file is damaged or describes what no set is; `UNSUPPORTED` when it is of a later
 * version; `SHAPE_MISMATCH` when it was made for a network of another width
 */
export async function readInterventions(
  bytes: Uint8Array,
  options: ReadValueOptions = {},
): Promise<ReadInterventions> {
  const { network, name = "the file" } = options;
  const where = "readInterventions";
  const set = await readValueFile(where, interventionForm, { bytes, name });
  checkConflicts(where, [set]);
  return { set, origin: originOf(where, set.madeFor, await identityFrom(network)) };
}

/** The identity of what is at hand. */
export async function identityFrom(
  network: ReadValueOptions["network"],
): Promise<NetworkIdentity | undefined> {
  return network !== undefined && "identity" in network ? network.identity() : network;
}

/** Writes a set into a folder, as `writeInterventions`. */
export async function saveInterventions(
  files: Files,
  path: string,
  set: InterventionSetInput,
): Promise<void> {
  await files.write(path, writeInterventions(set));
}

/** Reads a set from a folder, as `readInterventions`. */
export async function loadInterventions(
  files: Files,
  path: string,
  options: Pick<ReadValueOptions, "network"> = {},
): Promise<ReadInterventions> {
  return readInterventions(await files.read(path), { ...options, name: path });
}

/** Writes a probe as one file, with `patchclamp.probe` in its metadata. */
export function writeProbe(given: ProbeInput): Uint8Array {
  return writeValue(probeForm, probe(given));
}

/**
 * Reads a probe from a file.
 *
 * @throws PatchClampError as `readInterventions`
 */
export async function readProbe(bytes: Uint8Array, name = "the file"): Promise<Probe> {
  return readValueFile("readProbe", probeForm, { bytes, name });
}

/** Writes an adapter as one file, with `patchclamp.adapter` in its metadata. */
export function writeAdapter(given: AdapterInput): Uint8Array {
  return writeValue(adapterForm, adapter(given));
}

/**
 * Reads an adapter from a file.
 *
 * @throws PatchClampError as `readInterventions`
 */
export async function readAdapter(bytes: Uint8Array, name = "the file"): Promise<Adapter> {
  return readValueFile("readAdapter", adapterForm, { bytes, name });
}
