// A model hub on this computer: the endpoints that downloads use, a second host for large files, and faults on demand.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a client asked for. */
export interface Asked {
  /** `hub`, or `cdn` for the host that large files are redirected to. */
  readonly host: "hub" | "cdn";
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** How a file is sent, where not as it should be. */
export interface Fault {
  /** Answers with this status and nothing else. */
  readonly status?: number;
  /** Sends this many bytes and then cuts the connection. */
  readonly cutAfter?: number;
  /** Sends this many bytes and then ends the answer, which did not say how long it would be. */
  readonly endAfter?: number;
  /** Sends so many bytes at a time. */
  readonly pieceBytes?: number;
  /** Sends nothing more after so many bytes, but keeps the connection. */
  readonly silentAfter?: number;
  /** Sends these bytes instead. */
  readonly content?: Uint8Array;
  readonly ignoresRange?: boolean;
}

/** A repository; a file whose name ends in `.safetensors` is a large one. */
export interface Repository {
  readonly commits: Map<string, Readonly<Record<string, Uint8Array>>>;
  readonly refs: Map<string, string>;
  /** Whose owner decides who reads its files. */
  gated: boolean;
  /** Which tokens may know of it; undefined means everybody. */
  tokens: readonly string[] | undefined;
}

export interface HubServer {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** What was asked for beneath `/resolve/` and of the second host. */
  readonly downloads: () => Asked[];
  /** Makes a commit, moves a branch to it and returns it. */
  readonly publish: (
    name: string,
    files: Readonly<Record<string, Uint8Array | string>>,
    branch?: string,
  ) => string;
  readonly repositories: Map<string, Repository>;
  /** How the `n`th download (from 0) is sent. */
  fault: (n: number, path: string) => Fault;
  /** Paths that listings name besides the files. */
  alsoListed: string[];
  /** Answers every question about repositories with this status. */
  apiStatus: number | undefined;
  readonly close: () => Promise<void>;
}

/** Starts a hub on free ports. */
export async function hubServer(): Promise<HubServer> {
  const asked: Asked[] = [];
  const repositories = new Map<string, Repository>();
  const servers: Server[] = [];
  const listen = async (host: Asked["host"], answer: RequestListener): Promise<string> => {
    const server = createServer((request, response) => {
      const { url = "", headers } = request;
      const { range, authorization } = headers;
      asked.push({ host, path: url, range, authorization });
      answer(request, response);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  let sent = 0;
  const send: Send = (request, response, path, content) => {
    const fault = hub.fault(sent++, path);
    sendFile(request, response, fault.content ?? content, fault);
  };
  const cdn = await listen("cdn", (request, response) => {
    const [, hash = "", path = ""] = new URL(request.url!, "http://x").pathname.split("/");
    for (const { commits } of repositories.values()) {
      for (const files of commits.values()) {
        for (const content of Object.values(files)) {
          if (sha256(content) === hash) return send(request, response, path, content);
        }
      }
    }
    response.writeHead(404).end();
  });
  const endpoint = await listen("hub", (request, response) =>
    answerHub({ hub, cdn, send }, request, response),
  );
  const hub: HubServer = {
    endpoint,
    asked,
    downloads: () => asked.filter(({ host, path }) => host === "cdn" || path.includes("/resolve/")),
    publish: (name, files, branch = "main") => {
      const repository = repositories.get(name) ?? {
        commits: new Map(),
        refs: new Map(),
        gated: false,
        tokens: undefined,
      };
      repositories.set(name, repository);
      const stored = Object.entries(files).map(
        ([path, content]) => [path, typeof content === "string" ? text(content) : content] as const,
      );
      const names = stored.map(([path, content]) => `${path} ${gitBlob(content)}`);
      const commit = createHash("sha1")
        .update([name, ...names].join("\n"))
        .digest("hex");
      repository.commits.set(commit, Object.fromEntries(stored));
      repository.refs.set(branch, commit);
      return commit;
    },
    repositories,
    fault: () => ({}),
    alsoListed: [],
    apiStatus: undefined,
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;
}

type Send = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  content: Uint8Array,
) => void;

function answerHub(
  { hub, cdn, send }: { hub: HubServer; cdn: string; send: Send },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { pathname, searchParams } = new URL(request.url!, "http://x");
  const api = /^\/api\/models\/(.+?)\/(revision|tree)\/([^/]+)$/.exec(pathname);
  const file = /^\/(.+?)\/(resolve)\/([^/]+)\/(.+)$/.exec(pathname);
  const [, name = "", kind, revision = "", path = ""] = (api ?? file ?? []).map(decodeURIComponent);
  const token = request.headers.authorization?.replace("Bearer ", "");
  const refuse = (status: number, code: string, message = code): void =>
    void response.writeHead(status, { "x-error-code": code, "x-error-message": message }).end();

  if (api && hub.apiStatus !== undefined) return void response.writeHead(hub.apiStatus).end();
  if (token === "hf_wrong") {
    return refuse(401, "", "Invalid credentials in Authorization header");
  }
  const repository = hub.repositories.get(name);
  const isKnown = repository?.tokens?.includes(token ?? "") ?? true;
  if (repository === undefined || !isKnown) {
    return refuse(token === undefined ? 401 : 404, "RepoNotFound");
  }
  const commit = repository.refs.get(revision) ?? revision;
  const files = repository.commits.get(commit);
  if (files === undefined) return refuse(404, "RevisionNotFound");

  if (kind === "revision") return sendJson(response, { _id: "1", id: name, sha: commit });
  if (kind === "tree") {
    const listed = [
      ...Object.entries(files).map(([path, content]) => treeEntry(path, content)),
      ...hub.alsoListed.map((path) => treeEntry(path, text("x"))),
      { type: "directory", path: "folder", oid: "0".repeat(40), size: 0 },
    ];
    const at = Number(searchParams.get("cursor") ?? 0);
    const next = `${hub.endpoint}${pathname}?recursive=true&cursor=${at + 2}`;
    const link = at + 2 < listed.length ? { link: `<${next}>; rel="next"` } : undefined;
    return sendJson(response, listed.slice(at, at + 2), link);
  }
  if (repository.gated) return refuse(token === undefined ? 401 : 403, "GatedRepo");
  const content = files[path];
  if (content === undefined) return refuse(404, "EntryNotFound");
  const isLarge = path.endsWith(".safetensors");
  response.setHeader("x-repo-commit", commit);
  response.setHeader("etag", `"${isLarge ? sha256(content) : gitBlob(content)}"`);
  if (!isLarge) return send(request, response, path, content);
  response.setHeader("x-linked-size", content.length);
  response.setHeader("x-linked-etag", `"${sha256(content)}"`);
  response.writeHead(302, { location: `${cdn}/${sha256(content)}/${path}?signature=1` }).end();
}

function treeEntry(path: string, content: Uint8Array): object {
  const size = content.length;
  const oid = gitBlob(content);
  if (!path.endsWith(".safetensors")) return { type: "file", path, size, oid };
  const lfs = { oid: sha256(content), size, pointerSize: 132 };
  return { type: "file", path, size, oid, lfs, xetHash: sha256(text(path)) };
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Uint8Array,
  fault: Fault,
): void {
  if (fault.status !== undefined) return void response.writeHead(fault.status).end();
  const range = /^bytes=(\d+)-/.exec(request.headers.range ?? "");
  const start = range === null || fault.ignoresRange === true ? 0 : Number(range[1]);
  const total = content.length;
  if (start >= total && total > 0) {
    return void response.writeHead(416, { "content-range": `bytes */${total}` }).end();
  }
  const stop = fault.cutAfter ?? fault.endAfter ?? fault.silentAfter ?? total;
  const body = content.subarray(start, Math.min(start + stop, total));
  const ranged = range !== null && fault.ignoresRange !== true;
  // an answer that ends early must not have said its length
  const isOpen = fault.endAfter !== undefined;
  response.writeHead(ranged ? 206 : 200, {
    ...(ranged && !isOpen && { "content-range": `bytes ${start}-${total - 1}/${total}` }),
    ...(!isOpen && { "content-length": total - start }),
  });
  if (request.method === "HEAD") return void response.end();
  const { pieceBytes = body.length || 1 } = fault;
  const next = (at: number): void => {
    if (at < body.length) {
      response.write(body.subarray(at, at + pieceBytes), () => setImmediate(next, at + pieceBytes));
    } else if (fault.cutAfter !== undefined) response.destroy();
    else if (fault.silentAfter === undefined) response.end();
  };
  response.flushHeaders();
  next(0);
}

function sendJson(response: ServerResponse, json: unknown, headers: object = {}): void {
  const all = { "content-type": "application/json", ...headers };
  response.writeHead(200, all).end(JSON.stringify(json));
}

function gitBlob(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
