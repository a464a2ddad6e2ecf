// `hf:org/name@revision`: one snapshot of a repository on a model hub as a folder, whose files are downloaded when they are read.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { checkRange, missingFile } from "../../core/files.ts";
import type { HubSettings, HubStore } from "../../runtime/hub-store.ts";
import { hubSettings } from "../../runtime/open-folder.ts";
import { browserHubStore } from "./browser-store.ts";
import type { Wanted } from "./download.ts";
import { download, isWhole, storing } from "./download.ts";
import type { Listing } from "./listing.ts";
import { askCommit, askListing, cachedListing, etag, isCommit, keepListing } from "./listing.ts";
import type { Requests, Subject } from "./requests.ts";
import { checkSignal, isUnreachable, where } from "./requests.ts";

const connectOnce = "download it once with a connection; HF_HUB_CACHE says where it is kept.";

/** Options of `hubFiles`. */
export interface HubOptions {
  /** Where the hub is. Default: HF_ENDPOINT, or https://huggingface.co. */
  endpoint?: string;
  /** Sent to the endpoint and to nobody else. Default in Node: HF_TOKEN, or what `hf auth login` stored; in a browser none. */
  token?: string;
  /** Where files are kept. Default: the folder of huggingface_hub in Node, the origin's private file system in a browser. */
  cache?: HubStore;
  /** Whether to make no request and use what the cache has. Default: HF_HUB_OFFLINE. */
  offline?: boolean;
  /** Ends downloads with an `ABORTED` error; what has come so far is kept. */
  signal?: AbortSignal;
  /** Called as bytes come. */
  onProgress?: (progress: HubProgress) => void;
  /** Default: the platform's. */
  fetch?: typeof fetch;
  /** How often in a row a request may fail without a new byte. Default 5. */
  tries?: number;
  /** The pause before the second try, in milliseconds; it doubles from there on. Default 500. */
  retryMs?: number;
  /** How long a server may be silent, in milliseconds. Default 30,000. */
  stallMs?: number;
}

/** How far a download has got. */
export interface HubProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

/**
 * Opens a repository of a model hub.
 *
 * The revision is resolved to a commit once, so all files are of one snapshot. They lie in the cache in the layout of Python's
 * huggingface_hub, so what either has downloaded the other finds. Without a connection, the commit that the cache knows is used.
 *
 * @param place - `org/name`, or `org/name@revision` with a branch, a tag or a commit. Default revision: `main`
 * @throws PatchClampError `BAD_OPTION` for a place that cannot be one and for a repository that may not be read; `UNKNOWN_NAME` when there is
 * no such repository or revision; `BAD_FILE` when the hub cannot be reached and the cache does not have it. Reading a file
 * throws `BAD_FILE` when its download fails, `ABORTED` when the signal stops it
 */
export async function hubFiles(place: string, options: HubOptions = {}): Promise<Files> {
  const { repository, revision } = parsePlace(place);
  const settings = await hubSettings();
  const requests = requestsOf(settings, options);
  const { offline = settings?.offline ?? false, onProgress } = options;
  const store = options.cache ?? settings?.store ?? (await browserHubStore());
  const subject: Subject = { repository, revision };
  checkSignal(options.signal, subject);
  const home = `models--${repository.replaceAll("/", "--")}`;
  const snapshot = await openSnapshot(requests, store.folder(home), subject, offline);
  const source: Source = { ...snapshot, store, home, subject };
  return snapshotFiles(source, (path) => locate(requests, source, path, onProgress));
}

/** What is known about a commit: which files it has, and why no more of them can be had. */
interface Snapshot {
  readonly commit: string;
  /** Missing when a cache that knows no listings is all there is. */
  readonly listing: Listing | undefined;
  readonly offline: string | undefined;
}

async function openSnapshot(
  requests: Requests,
  cache: Files,
  subject: Subject,
  isOffline: boolean,
): Promise<Snapshot> {
  const { repository, revision } = subject;
  const ref = `refs/${revision}`;
  const known = isCommit(revision) ? revision : await readCommit(cache, ref);
  const kept = known === undefined ? undefined : await cachedListing(cache, known);
  const fromCache = (offline: string): Snapshot => {
    if (known !== undefined) return { commit: known, listing: kept, offline };
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `${offline}, and the cache has no revision "${revision}" of hf:${repository}.`,
      fix: connectOnce,
      facts: { ...subject },
    });
  };
  if (isOffline) return fromCache("offline mode is on");
  if (kept !== undefined && known === revision) {
    return { commit: known, listing: kept, offline: undefined };
  }
  try {
    // a hub that cannot be reached need not be tried for long where the cache can stand in
    const asking =
      known === undefined ? requests : { ...requests, tries: Math.min(requests.tries, 2) };
    const commit = isCommit(revision) ? revision : await askCommit(asking, subject);
    const listing =
      (await cachedListing(cache, commit)) ?? (await askListing(asking, subject, commit));
    await keep(cache, commit === revision ? undefined : ref, commit, listing);
    return { commit, listing, offline: undefined };
  } catch (error) {
    if (known === undefined || !isUnreachable(error)) throw error;
    return fromCache(`${requests.endpoint} cannot be reached`);
  }
}

async function keep(
  cache: Files,
  ref: string | undefined,
  commit: string,
  listing: Listing,
): Promise<void> {
  try {
    await keepListing(cache, commit, listing);
    if (ref !== undefined) await cache.write(ref, new TextEncoder().encode(commit));
  } catch {
    // A cache that cannot be written to can still be read; a download that it has no room for will say so.
  }
}

/** A snapshot and where it is kept. */
interface Source extends Snapshot {
  readonly store: HubStore;
  /** The repository's folder in the store. */
  readonly home: string;
  readonly subject: Subject;
}

/** @param locate - brings a file into the cache and says where in the repository's folder it lies */
function snapshotFiles(source: Source, locate: (path: string) => Promise<string>): Files {
  const { store, home, commit, listing } = source;
  const name = nameOf(source);
  const cache = store.folder(home);
  const snapshot = store.folder(`${home}/snapshots/${commit}`);
  const arriving = new Map<string, Promise<string>>();
  const at = (path: string): Promise<string> => {
    const already = arriving.get(path);
    if (already !== undefined) return already;
    const arrival = locate(path);
    arriving.set(path, arrival);
    // a failure may pass: the next call tries again
    arrival.catch(() => arriving.delete(path));
    return arrival;
  };
  return {
    name,
    list: async () => {
      if (listing === undefined) return snapshot.list();
      return [...listing.keys()].filter((path) => !path.includes("/")).toSorted();
    },
    exists: async (path) => listing?.has(path) ?? snapshot.exists(path),
    size: async (path) => listing?.get(path)?.size ?? cache.size(await at(path)),
    read: async (path) => cache.read(await at(path)),
    readRange: async (path, start, end, room) => {
      const size = listing?.get(path)?.size;
      if (size !== undefined) checkRange(name, path, [start, end], size);
      return cache.readRange(await at(path), start, end, room);
    },
    write: async (path) => {
      throw new PatchClampError("UNSUPPORTED", {
        where: "write",
        problem: `${path} cannot be written to ${name}, which is a snapshot of a hub.`,
        fix: "save into a folder.",
      });
    },
  };
}

async function locate(
  requests: Requests,
  source: Source,
  path: string,
  onProgress: HubOptions["onProgress"],
): Promise<string> {
  const { store, home, commit, listing, subject, offline } = source;
  checkSignal(requests.signal, subject);
  const cache = store.folder(home);
  const place = `snapshots/${commit}/${path}`;
  if (listing === undefined) {
    if (await cache.exists(place)) return place;
    throw notCached(source, path);
  }
  const file = listing.get(path);
  if (file === undefined) throw missingFile(nameOf(source), path);
  const { size } = file;
  if (await isWhole(cache, place, size)) return place;

  const blob = `blobs/${etag(file)}`;
  if (!(await isWhole(cache, blob, size))) {
    if (offline !== undefined) throw notCached(source, path);
    const escaped = path.split("/").map(encodeURIComponent).join("/");
    const wanted: Wanted = {
      subject: { ...subject, file: path },
      url: `${requests.endpoint}/${subject.repository}/resolve/${commit}/${escaped}`,
      sizeBytes: size,
      etag: etag(file),
    };
    await download(requests, store, { target: `${home}/${blob}`, wanted }, (receivedBytes) =>
      onProgress?.({ file: path, receivedBytes, totalBytes: size }),
    );
  }
  const { link } = store;
  if (link === undefined) return blob;
  await storing(store, () => link(`${home}/${blob}`, `${home}/${place}`));
  return place;
}

function notCached(source: Source, path: string): PatchClampError {
  const { store, subject, offline } = source;
  return new PatchClampError("BAD_FILE", {
    where,
    problem: `${offline}, and the cache ${store.name} has no "${path}" of ${nameOf(source)}.`,
    fix: connectOnce,
    facts: { ...subject, file: path, cache: store.name },
  });
}

function nameOf({ subject: { repository, revision } }: Source): string {
  return revision === "main" ? `hf:${repository}` : `hf:${repository}@${revision}`;
}

async function readCommit(cache: Files, ref: string): Promise<string | undefined> {
  if (!(await cache.exists(ref))) return undefined;
  const commit = new TextDecoder().decode(await cache.read(ref)).trim();
  return isCommit(commit) ? commit : undefined;
}

function requestsOf(settings: HubSettings | undefined, options: HubOptions): Requests {
  const { endpoint = settings?.endpoint ?? "https://huggingface.co" } = options;
  const { token = settings?.token, signal, fetch = globalThis.fetch } = options;
  const { tries = 5, retryMs = 500, stallMs = 30_000 } = options;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `the hub's endpoint "${endpoint}" is not an http or https URL.`,
      fix: "check HF_ENDPOINT or the option `endpoint`.",
    });
  }
  // the token itself stays out of the message
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: "the token has characters that no token has.",
      fix: "check HF_TOKEN or the option `token` for line breaks and quotes.",
    });
  }
  return { endpoint: endpoint.replace(/\/+$/, ""), token, signal, fetch, tries, retryMs, stallMs };
}

function parsePlace(place: string): { repository: string; revision: string } {
  const split = place.indexOf("@");
  const name = split === -1 ? place : place.slice(0, split);
  const revision = split === -1 ? "main" : place.slice(split + 1);
  const isName = /^(?:\w[\w.-]*\/)?\w[\w.-]*$/.test(name) && !/--|\.\./.test(name);
  const isRevision = revision
    .split("/")
    .every((part) => /^[\w+.#-]+$/.test(part) && !/^\.+$/.test(part));
  if (isName && isRevision) return { repository: name, revision };
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `"${place}" is not the name of a repository.`,
    fix: "write org/name, or org/name@revision.",
    facts: { place },
  });
}
