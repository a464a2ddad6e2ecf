// Requests to a model hub: who may see the token, how long silence is borne, and what each refusal means.

import { PatchClampError } from "../../core/errors.ts";

export const where = "hubFiles";

/** How requests are made. */
export interface Requests {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly fetch: typeof fetch;
  /** How often in a row something may fail without having got any further. */
  readonly tries: number;
  /** The pause before the second try; it doubles from there on. */
  readonly retryMs: number;
  /** How long a server may be silent. */
  readonly stallMs: number;
}

/** What is asked for, in the words of error messages. */
export interface Subject {
  /** `org/name` */
  readonly repository: string;
  readonly revision: string;
  readonly file?: string;
}

/** A failure that may pass: the connection broke off, or the server is busy. */
class Interruption extends Error {
  override readonly name = "Interruption";
}

/**
 * Makes one request and reads its answer.
 *
 * The token goes to the endpoint alone, so neither a link to another host nor a redirect (which `fetch` sees to) carries it away.
 *
 * @param read - gets the answer, whose status is one of success, and its body in pieces
 * @throws PatchClampError what the server's refusal means; other failures are for `persist`
 */
export async function request<T>(
  requests: Requests,
  subject: Subject,
  [url, headers]: readonly [url: string, headers: Readonly<Record<string, string>>],
  read: (response: Response, pieces: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { endpoint, token, signal, stallMs } = requests;
  const watch = watchdog(stallMs);
  const isHub = new URL(url).origin === new URL(endpoint).origin;
  const identity = isHub && token !== undefined ? { authorization: `Bearer ${token}` } : undefined;
  const either = signal === undefined ? watch.signal : AbortSignal.any([signal, watch.signal]);
  const received = async <R>(arriving: Promise<R>): Promise<R> => {
    try {
      const result = await arriving;
      watch.feed();
      return result;
    } catch (cause) {
      const silent = watch.signal.aborted && `was silent for ${stallMs / 1000} seconds`;
      throw new Interruption(silent || "cannot be reached", { cause });
    }
  };
  async function* pieces(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
    if (body === null) return;
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await received(reader.read());
      if (done) return;
      yield value;
    }
  }
  try {
    const { fetch } = requests; // called as a method, the browser's refuses
    const response = await received(
      // a browser need not keep a second copy
      fetch(url, { headers: { ...headers, ...identity }, signal: either, cache: "no-store" }),
    );
    const { status, statusText, ok } = response;
    if ([408, 429, 500, 502, 503, 504].includes(status)) {
      throw new Interruption(`answered ${status} ${statusText}`.trimEnd());
    }
    if (!ok && status !== 416) throw refusal(requests, subject, response);
    return await read(response, pieces(response.body));
  } finally {
    watch.end();
  }
}

/** A signal that fires when it has not been fed for a while; ending it also closes what still listens. */
function watchdog(ms: number): { signal: AbortSignal; feed: () => void; end: () => void } {
  const controller = new AbortController();
  const bite = (): void => controller.abort();
  let timer = setTimeout(bite, ms);
  const end = (): void => {
    clearTimeout(timer);
    bite();
  };
  const feed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(bite, ms);
  };
  return { signal: controller.signal, feed, end };
}

/**
 * Repeats work that was interrupted until it succeeds, or fails several times in a row without getting further.
 *
 * @param progress - how far the work has got, in bytes
 * @throws PatchClampError `ABORTED` when the signal stops it, `BAD_FILE` when it keeps failing, and what `work` throws
 */
export async function persist<T>(
  requests: Requests,
  subject: Subject,
  work: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  const { signal, tries, retryMs } = requests;
  let furthest = progress();
  for (let failures = 0; ;) {
    checkSignal(signal, subject);
    try {
      return await work();
    } catch (cause) {
      checkSignal(signal, subject);
      if (!(cause instanceof Interruption)) throw cause;
      failures = progress() > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, progress());
      if (failures >= tries) throw unreachable(requests, subject, progress(), cause);
    }
    await pause(retryMs * 2 ** (failures - 1), signal);
  }
}

/** @throws PatchClampError `ABORTED` when the signal has fired */
export function checkSignal(signal: AbortSignal | undefined, subject: Subject): void {
  if (signal?.aborted !== true) return;
  throw new PatchClampError("ABORTED", {
    where,
    problem: `the download of ${named(subject)} was stopped.`,
    cause: signal.reason,
  });
}

/** Says that a connection was there and ended too early. */
export function brokenOff(): Error {
  return new Interruption("broke off the connection");
}

/** Whether an error says that the hub could not be reached, rather than that it refused. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof PatchClampError && error.cause instanceof Interruption;
}

function unreachable(
  { endpoint, tries }: Requests,
  subject: Subject,
  bytes: number,
  cause: Interruption,
): PatchClampError {
  const kept = bytes > 0 ? `; the ${bytes} bytes that came are kept for the next try` : "";
  const times = tries === 1 ? "" : `, ${tries} times in a row`;
  return new PatchClampError("BAD_FILE", {
    where,
    problem: `${endpoint} ${cause.message}${times}, while downloading ${named(subject)}${kept}.`,
    fix: "check the connection and call again.",
    facts: { endpoint, ...subject, receivedBytes: bytes },
    cause,
  });
}

function refusal(
  { endpoint, token }: Requests,
  subject: Subject,
  response: Response,
): PatchClampError {
  const { revision, file } = subject;
  const repository = `hf:${subject.repository}`;
  const { status, headers } = response;
  const page = `${endpoint}/${subject.repository}`;
  const reason = headers.get("x-error-code");
  const error = (problem: string, fix?: string): PatchClampError =>
    new PatchClampError(status === 404 ? "UNKNOWN_NAME" : "BAD_OPTION", {
      where,
      problem,
      fix,
      facts: { endpoint, ...subject, status, reason },
    });

  if (reason === "GatedRepo") {
    const who = token === undefined ? "no token was sent" : "this token's owner has no access";
    const fix = `ask for access at ${page}, then set HF_TOKEN or the option \`token\`.`;
    return error(`${repository} is gated, and ${who}.`, fix);
  }
  if (status === 401 && /credentials/i.test(headers.get("x-error-message") ?? "")) {
    return error(
      `${endpoint} does not know the token.`,
      `make one at ${endpoint}/settings/tokens.`,
    );
  }
  if (reason === "RevisionNotFound") {
    const fix = `the branches and tags are listed at ${page}/tree/main.`;
    return error(`${repository} has no revision "${revision}".`, fix);
  }
  if (reason === "EntryNotFound") {
    return error(`${repository} has no file "${file}" at revision ${revision}.`);
  }
  if (reason === "RepoNotFound" || status === 401 || status === 403) {
    const hidden =
      token === undefined ? "is private and no token was sent" : "may not be read with this token";
    const fix = "check its name, and HF_TOKEN or the option `token` if it is private.";
    return error(`${repository} does not exist at ${endpoint}, or ${hidden}.`, fix);
  }
  if (status === 404) return error(`${endpoint} has no ${named(subject)} at ${revision}.`);
  return new PatchClampError("BAD_FILE", {
    where,
    problem: `${endpoint} answered ${status} when asked for ${named(subject)}.`,
    facts: { endpoint, ...subject, status },
  });
}

function named({ repository, file }: Subject): string {
  return file === undefined ? `hf:${repository}` : `"${file}" of hf:${repository}`;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}
