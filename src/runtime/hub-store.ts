// What keeps files that were downloaded from a model hub: a folder on disk in Node, one of the browser's own in a page.

import type { Files } from "../core/files.ts";

/** A folder that outlives the process. Paths are relative to it, with `/` between their parts. */
export interface HubStore {
  /** What error messages call the folder. */
  readonly name: string;
  /** The folder at a path within; it need not exist yet. */
  readonly folder: (path: string) => Files;
  /** Opens the file that a download to `path` arrives in, with what an interrupted one left in it. The signal ends a wait for it. */
  readonly partial: (path: string, signal?: AbortSignal) => Promise<PartialFile>;
  /** Makes `path` another name of the file at `target`. A store without names of that kind lacks it. */
  readonly link?: (target: string, path: string) => Promise<void>;
  readonly digest: (algorithm: "sha1" | "sha256") => Digest;
}

/** A download under way. It belongs to who opened it: another process gets a file of its own. */
export interface PartialFile {
  /** Where it lies in the store. */
  readonly path: string;
  /** How much of it was there when it was opened. */
  readonly sizeBytes: number;
  readonly append: (bytes: Uint8Array) => Promise<void>;
  /** Drops all bytes. */
  readonly clear: () => Promise<void>;
  /** Ends the writing: from now on all bytes can be read at `path`. */
  readonly seal: () => Promise<void>;
  /** Gives the sealed file the name that it was opened for, in one step. */
  readonly finish: () => Promise<void>;
  readonly discard: () => Promise<void>;
  /** Keeps an unfinished file for the next try. Does nothing after `finish` and `discard`. */
  readonly close: () => Promise<void>;
}

/** A hash of bytes that come one after the other. */
export interface Digest {
  readonly update: (bytes: Uint8Array) => void;
  /** In lower-case hexadecimal digits. */
  readonly hex: () => string;
}

/** What the surroundings say about the hub. */
export interface HubSettings {
  readonly endpoint: string | undefined;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly store: HubStore;
}
