// Which commit a revision is, and which files that commit holds: asked of the hub, or read from the cache.

import { listFiles, modelInfo } from "@huggingface/hub";
import { z } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { Requests, Subject } from "./requests.ts";
import { persist, request, where } from "./requests.ts";

const gitHash = /^[0-9a-f]{40}$/;
const sha256 = /^[0-9a-f]{64}$/;

/** A file of a repository, as huggingface_hub keeps it in `trees/COMMIT.json`. */
const treeEntry = z.object({
  size: z.int().nonnegative(),
  blob_id: z.string().regex(gitHash),
  lfs_sha256: z.string().regex(sha256).optional(),
  lfs_size: z.int().nonnegative().optional(),
  xet_hash: z.string().optional(),
});
const tree = z.object({ format_version: z.literal(1), files: z.record(z.string(), treeEntry) });

/** The files of one commit, by path. */
export type Listing = ReadonlyMap<string, z.output<typeof treeEntry>>;

/** Whether a revision is a commit, so that it never means anything else. */
export function isCommit(revision: string): boolean {
  return gitHash.test(revision);
}

/** The hash that a file's content must have, which is also its name in the cache: SHA-256 where it is large, else git's. */
export function etag(file: { blob_id: string; lfs_sha256?: string | undefined }): string {
  return file.lfs_sha256 ?? file.blob_id;
}

/**
 * Asks the hub which commit a revision is.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no such repository or revision, `BAD_OPTION` when it may not be read
 */
export async function askCommit(requests: Requests, subject: Subject): Promise<string> {
  const { revision } = subject;
  const name = subject.repository;
  const info = await understood(
    requests,
    async (asked) => modelInfo({ name, revision, additionalFields: ["sha"], ...asked }),
    subject,
  );
  if (typeof info.sha === "string" && isCommit(info.sha)) return info.sha;
  throw notAHub(requests);
}

/**
 * Asks the hub which files a commit holds, however many pages that takes.
 *
 * @throws PatchClampError `BAD_FILE` when a name in the answer would lead out of the cache
 */
export async function askListing(
  requests: Requests,
  subject: Subject,
  commit: string,
): Promise<Listing> {
  const repo = subject.repository;
  return understood(
    requests,
    async (asked) => {
      const files = new Map<string, unknown>();
      for await (const entry of listFiles({ repo, revision: commit, recursive: true, ...asked })) {
        if (entry.type !== "file") continue;
        checkName(subject, entry.path);
        files.set(entry.path, {
          size: entry.size,
          blob_id: entry.oid,
          ...(entry.lfs && { lfs_sha256: entry.lfs.oid, lfs_size: entry.lfs.size }),
          ...(entry.xetHash != null && { xet_hash: entry.xetHash }),
        });
      }
      return asListing({ format_version: 1, files: Object.fromEntries(files) });
    },
    subject,
  );
}

/** The listing that the cache has of a commit, if it has one that we understand. */
export async function cachedListing(cache: Files, commit: string): Promise<Listing | undefined> {
  const path = `trees/${commit}.json`;
  if (!(await cache.exists(path))) return undefined;
  try {
    return asListing(JSON.parse(new TextDecoder().decode(await cache.read(path))));
  } catch {
    return undefined; // another version's; it is only a shortcut
  }
}

/** Keeps a listing for the next time. */
export async function keepListing(cache: Files, commit: string, listing: Listing): Promise<void> {
  const files = Object.fromEntries([...listing].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const text = JSON.stringify({ format_version: 1, files } satisfies z.input<typeof tree>, null, 1);
  await cache.write(`trees/${commit}.json`, new TextEncoder().encode(text));
}

function asListing(json: unknown): Listing {
  return new Map(Object.entries(tree.parse(json).files));
}

/** Runs a call of the hub's client on our own requests, and tells a server that talks nonsense from one that refuses. */
async function understood<T>(
  requests: Requests,
  call: (asked: { hubUrl: string; fetch: typeof fetch }) => Promise<T>,
  subject: Subject,
): Promise<T> {
  const ours: typeof fetch = async (input) => {
    const url = input instanceof Request ? input.url : String(input);
    return request(
      requests,
      subject,
      [url, { accept: "application/json" }],
      async (response, pieces) => {
        const parts: Uint8Array<ArrayBuffer>[] = [];
        for await (const piece of pieces) parts.push(new Uint8Array(piece));
        const { status, headers } = response;
        return new Response(new Blob(parts), { status, headers });
      },
    );
  };
  return persist(requests, subject, async () => {
    try {
      return await call({ hubUrl: requests.endpoint, fetch: ours });
    } catch (cause) {
      const isNonsense =
        cause instanceof SyntaxError || cause instanceof TypeError || cause instanceof z.ZodError;
      throw isNonsense ? notAHub(requests, cause) : cause;
    }
  });
}

function checkName(subject: Subject, path: string): void {
  // a backslash or a colon would be a separator or a drive on Windows
  const leaves = path.split("/").some((part) => part === "" || part === "." || part === "..");
  if (!leaves && !/[\\:\0]/.test(path)) return;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `hf:${subject.repository} lists a file ${JSON.stringify(path)}, which is no name inside a folder.`,
    fix: "ask the repository's owner to rename it.",
    facts: { ...subject, path },
  });
}

function notAHub({ endpoint }: Requests, cause?: unknown): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where,
    problem: `${endpoint} does not answer as a model hub does.`,
    fix: "check HF_ENDPOINT or the option `endpoint`.",
    facts: { endpoint },
    cause,
  });
}
