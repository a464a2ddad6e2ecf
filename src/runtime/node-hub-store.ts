// The folder that Python's huggingface_hub caches in, and the environment variables that it reads.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { threadId } from "node:worker_threads";

import type { HubSettings, HubStore, PartialFile } from "./hub-store.ts";
import { nodeFiles } from "./node-files.ts";

/** Who writes a partial file: computer, process, thread. */
const host = hostname().replaceAll(/[^\w-]/g, "-");
const leftoverName = /\.(?<host>[\w-]+)\.(?<pid>\d+)-(?<thread>\d+)-\d+\.incomplete$/;

/** The partial files that this thread has open, so that their names never repeat and none is taken for left behind. */
const open = new Set<string>();
let opened = 0;

/**
 * A hub cache on disk.
 *
 * @param folder - its path, such as `~/.cache/huggingface/hub`; it need not exist
 * @param options.symlinks - whether to link rather than to copy. Default true; where links fail, files are copied
 */
export function nodeHubStore(folder: string, options: { symlinks?: boolean } = {}): HubStore {
  const { symlinks = true } = options;
  const root = resolve(folder);
  return {
    name: root,
    folder: (path) => nodeFiles(join(root, path)),
    partial: (path) => openPartial(root, path),
    link: async (target, path) => {
      const [from, to] = [join(root, target), join(root, path)];
      const temporary = `${to}.${process.pid}-${threadId}-${opened++}.tmp`;
      await fs.mkdir(dirname(to), { recursive: true });
      const linked =
        symlinks && (await succeeds(fs.symlink(relative(dirname(to), from), temporary)));
      if (!linked) await fs.copyFile(from, temporary, constants.COPYFILE_FICLONE);
      await fs.rename(temporary, to);
    },
    digest: (algorithm) => {
      const hash = createHash(algorithm);
      return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
    },
  };
}

async function openPartial(root: string, path: string): Promise<PartialFile> {
  const whole = join(root, path);
  const own = `${path}.${host}.${process.pid}-${threadId}-${opened++}.incomplete`;
  const at = join(root, own);
  open.add(at);
  await fs.mkdir(dirname(at), { recursive: true });
  for (const leftover of await leftovers(whole)) {
    // who renames it first has it
    if (await succeeds(fs.rename(leftover, at))) break;
  }
  const file = await fs.open(at, "a");
  const close = async (): Promise<void> => {
    await file.close();
    open.delete(at);
  };
  return {
    path: own,
    sizeBytes: (await file.stat()).size,
    append: (bytes) => file.writeFile(bytes),
    clear: () => file.truncate(0),
    seal: () => file.sync(),
    finish: async () => {
      await close();
      await fs.rename(at, whole);
    },
    discard: async () => {
      await close();
      await fs.rm(at, { force: true });
    },
    close,
  };
}

/** The files that nobody writes any more, fullest first. */
async function leftovers(whole: string): Promise<string[]> {
  const folder = dirname(whole);
  const found: { path: string; size: number }[] = [];
  for (const name of await fs.readdir(folder)) {
    const path = join(folder, name);
    const writer = name.startsWith(`${basename(whole)}.`) ? leftoverName.exec(name)?.groups : null;
    if (writer == null || writer["host"] !== host || open.has(path)) continue;
    const [pid, thread] = [Number(writer["pid"]), Number(writer["thread"])];
    const ours = pid === process.pid && thread === threadId;
    if (!ours && isRunning(pid)) continue;
    const stat = await fs.stat(path).catch(() => undefined);
    if (stat !== undefined) found.push({ path, size: stat.size });
  }
  return found.toSorted((a, b) => b.size - a.size).map(({ path }) => path);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // a process of somebody else's may not be signalled
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}

async function succeeds(step: Promise<void>): Promise<boolean> {
  return step.then(
    () => true,
    () => false,
  );
}

/**
 * Reads the environment as huggingface_hub does: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HUB_CACHE, HF_HOME and their like.
 *
 * @param env - the variables by name. Default: those of the process
 */
export async function nodeHubSettings(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<HubSettings> {
  const path = (name: string, otherwise: string): string =>
    (env[name] || otherwise).replace(/^~(?=$|[/\\])/, homedir());
  const isSet = (name: string): boolean => /^(1|on|yes|true)$/i.test(env[name] ?? "");

  const home = path("HF_HOME", join(path("XDG_CACHE_HOME", "~/.cache"), "huggingface"));
  const cache = path("HF_HUB_CACHE", path("HUGGINGFACE_HUB_CACHE", join(home, "hub")));
  const stored = fs.readFile(path("HF_TOKEN_PATH", join(home, "token")), "utf8").catch(() => "");
  const tokens = isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN")
    ? []
    : [env["HF_TOKEN"], env["HUGGING_FACE_HUB_TOKEN"], await stored];
  return {
    endpoint: env["HF_ENDPOINT"] || undefined,
    token: tokens.map((token) => token?.trim()).find(Boolean),
    offline: isSet("HF_HUB_OFFLINE") || isSet("TRANSFORMERS_OFFLINE"),
    store: nodeHubStore(cache, { symlinks: !isSet("HF_HUB_DISABLE_SYMLINKS") }),
  };
}
