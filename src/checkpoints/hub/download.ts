// One file from the hub into the cache: resumed where it broke off, checked, and only then given its name.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { HubStore, PartialFile } from "../../runtime/hub-store.ts";
import type { Requests, Subject } from "./requests.ts";
import { brokenOff, checkSignal, persist, request, where } from "./requests.ts";

/** How many bytes are hashed between two looks at the signal. */
const BLOCK_BYTES = 8 << 20;

/** What is to be downloaded. */
export interface Wanted {
  readonly subject: Subject;
  readonly url: string;
  readonly sizeBytes: number;
  /** SHA-256 in 64 digits, or git's SHA-1 of a blob in 40. */
  readonly etag: string;
}

/**
 * Downloads a file into a store, unless somebody else did so meanwhile.
 *
 * A download that breaks off is resumed, in this call and in later ones. Whatever lies at `target` is whole and was checked.
 *
 * @param target - where the file shall lie in the store
 * @param onReceived - gets the number of bytes that are there, after each piece
 * @throws PatchClampError `BAD_FILE` when the connection keeps breaking, what comes is not what the hub lists, or the store takes no more
 */
export async function download(
  requests: Requests,
  store: HubStore,
  { target, wanted }: { target: string; wanted: Wanted },
  onReceived: (bytes: number) => void,
): Promise<void> {
  const { subject, sizeBytes, etag } = wanted;
  const partial = await storing(store, () => store.partial(target, requests.signal)).catch(
    (cause: unknown) => {
      checkSignal(requests.signal, subject); // it ended the wait
      throw cause;
    },
  );
  const kept = { bytes: partial.sizeBytes };
  try {
    if (await isWhole(store.folder(""), target, sizeBytes)) return await partial.discard();
    await receive(requests, store, { partial, wanted, kept }, onReceived);
    await storing(store, () => partial.seal());
    const found = await hashOf(requests, store, partial.path, wanted);
    if (found !== etag) {
      throw damaged(requests, subject, kept, `has the hash ${found}, but the hub lists ${etag}`);
    }
    await storing(store, () => partial.finish());
  } catch (error) {
    await (kept.bytes === 0 ? partial.discard() : partial.close());
    throw error;
  }
}

/** Whether a file is there in its full length. */
export async function isWhole(files: Files, path: string, sizeBytes: number): Promise<boolean> {
  return (await files.exists(path)) && (await files.size(path)) === sizeBytes;
}

async function receive(
  requests: Requests,
  store: HubStore,
  { partial, wanted, kept }: { partial: PartialFile; wanted: Wanted; kept: { bytes: number } },
  onReceived: (bytes: number) => void,
): Promise<void> {
  const { subject, url, sizeBytes } = wanted;
  const startAgain = async (): Promise<void> => {
    await storing(store, () => partial.clear());
    kept.bytes = 0;
  };
  const checkLength = (bytes: number, isRight: boolean): void => {
    if (isRight) return;
    throw damaged(requests, subject, kept, `has ${bytes} bytes, but the hub lists ${sizeBytes}`);
  };
  if (kept.bytes > sizeBytes) await startAgain();
  onReceived(kept.bytes);

  const attempt = async (): Promise<void> => {
    if (kept.bytes === sizeBytes) return;
    // a range, even of everything, keeps servers from compressing what they send
    const headers = { range: `bytes=${kept.bytes}-` };
    await request(requests, subject, [url, headers], async (response, pieces) => {
      const length = lengthOf(response) ?? sizeBytes;
      checkLength(length, length === sizeBytes);
      if (!resumesAt(kept.bytes, response)) await startAgain();
      if (response.status === 416) throw brokenOff();
      for await (const piece of pieces) {
        const bytes = kept.bytes + piece.length;
        checkLength(bytes, bytes <= sizeBytes);
        await storing(store, () => partial.append(piece));
        kept.bytes = bytes;
        onReceived(bytes);
      }
    });
    if (kept.bytes < sizeBytes) throw brokenOff();
  };
  await persist(requests, subject, attempt, () => kept.bytes);
}

/** The length of the whole file, where the answer says it. */
function lengthOf({ status, headers }: Response): number | undefined {
  const whole =
    status === 200 && !headers.has("content-encoding")
      ? headers.get("content-length")
      : /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return whole == null ? undefined : Number(whole);
}

function resumesAt(start: number, { status, headers }: Response): boolean {
  if (status !== 206) return start === 0;
  // a page sees the header only where the server lets it
  const range = headers.get("content-range");
  return range === null || range.startsWith(`bytes ${start}-`);
}

async function hashOf(
  { signal }: Requests,
  store: HubStore,
  path: string,
  { subject, sizeBytes, etag }: Wanted,
): Promise<string> {
  const files = store.folder("");
  const digest = store.digest(etag.length === 64 ? "sha256" : "sha1");
  if (etag.length === 40) digest.update(new TextEncoder().encode(`blob ${sizeBytes}\0`));
  for (let start = 0; start < sizeBytes; start += BLOCK_BYTES) {
    checkSignal(signal, subject);
    digest.update(await files.readRange(path, start, Math.min(start + BLOCK_BYTES, sizeBytes)));
  }
  return digest.hex();
}

/**
 * Does something to a store.
 *
 * @throws PatchClampError `BAD_FILE` when the store is full or may not be written to
 */
export async function storing<T>(store: HubStore, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (cause instanceof PatchClampError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const name = cause instanceof Error ? cause.name : undefined;
    const isFull = code === "ENOSPC" || code === "EDQUOT" || name === "QuotaExceededError";
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the cache ${store.name} ${isFull ? "is full" : "cannot be written to"}.`,
      fix: isFull
        ? "make room and call again; what has come so far is kept."
        : "choose another folder with HF_HUB_CACHE.",
      facts: { cache: store.name, code: code ?? name },
      cause,
    });
  }
}

function damaged(
  { endpoint }: Requests,
  subject: Subject,
  kept: { bytes: number },
  problem: string,
): PatchClampError {
  kept.bytes = 0; // nothing of it is worth keeping
  return new PatchClampError("BAD_FILE", {
    where,
    problem: `what came as "${subject.file}" of hf:${subject.repository} ${problem}.`,
    fix: `it was thrown away; call again, and if it stays so, something between here and ${endpoint} alters files.`,
    facts: { endpoint, ...subject },
  });
}
