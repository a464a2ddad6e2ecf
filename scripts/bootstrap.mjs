// Makes a fresh checkout ready to run: a Node that is new enough, the packages of package-lock.json, a current dist/.
// It uses Node's own modules only, because it runs before anything is installed.

import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

import { capture, root, SetupError, tool } from "./process.mjs";

const NODE_FLOOR = [20, 19];

/**
 * Checks Node, installs the packages and builds the library, each only where it is needed.
 *
 * @throws SetupError with one sentence for the person at the keyboard
 */
export async function bootstrap() {
  checkNode(process.versions.node);
  await withLock(async () => {
    await install();
    await build();
  });
}

/** Checks Node and installs, without building. */
export async function bootstrapPackages() {
  checkNode(process.versions.node);
  await withLock(install);
}

/** Builds dist/ when a source is newer than it. */
export async function bootstrapBuild() {
  await withLock(build);
}

/**
 * @param {string} version - such as `20.19.0`
 * @throws SetupError when it is below the floor that package.json declares
 */
export function checkNode(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [floorMajor = 0, floorMinor = 0] = NODE_FLOOR;
  if (major > floorMajor || (major === floorMajor && minor >= floorMinor)) return;
  throw new SetupError(
    `PatchClamp needs Node ${NODE_FLOOR.join(".")} or newer, and this is Node ${version}.`,
    "install a current Node from https://nodejs.org and run the same command again.",
  );
}

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockEntry */

/**
 * Lists the packages that package-lock.json asks for and node_modules does not hold. npm writes
 * `node_modules/.package-lock.json` as the last act of an install, so an interrupted install shows as everything missing.
 *
 * @param {string} directory - the repository
 * @returns {string[]} paths such as `node_modules/zod`
 */
export function missingPackages(directory) {
  const wanted = readPackages(path.join(directory, "package-lock.json"));
  const installed = readPackages(path.join(directory, "node_modules", ".package-lock.json"));
  return Object.keys(wanted).filter((key) => {
    const want = wanted[key];
    // Optional packages are the native builds for other machines, mostly.
    if (want === undefined || !key.includes("node_modules/") || want.optional || want.devOptional) {
      return false;
    }
    const have = installed[key];
    const same = have?.version === want.version && have?.integrity === want.integrity;
    return !same || !fs.existsSync(path.join(directory, key));
  });
}

/**
 * @param {string} file
 * @returns {Record<string, LockEntry>}
 */
function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")).packages ?? {};
  } catch {
    return {}; // no file, or one cut short: nothing is known to be installed
  }
}

/** Runs `npm ci` unless node_modules already is what package-lock.json says. */
async function install() {
  if (missingPackages(root).length === 0) return;
  process.stderr.write("Installing packages (once; a minute or so) ...\n");
  // Through npm itself where npm started this script, so that the same npm is used and Windows needs no shell.
  const npmScript = process.env["npm_execpath"];
  const viaNpm = npmScript !== undefined && path.basename(npmScript).startsWith("npm");
  const [command, first] = viaNpm ? [process.execPath, [npmScript]] : ["npm", []];
  const result = await capture(command, [
    ...first,
    "ci",
    "--include=dev", // NODE_ENV=production must not leave the compiler out
    "--ignore-scripts",
    "--no-fund",
    "--no-audit",
    "--loglevel=error",
    "--fetch-retries=2", // a hiccup is ridden out; without a network the answer comes within seconds
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
  ]);
  if (result.code !== 0) throw installError(result.output);
}

const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|EIDLETIMEOUT|ENOTCACHED)\b/;

/**
 * Puts npm's account of a failed install into one sentence.
 *
 * @param {string} output - what npm printed
 */
export function installError(output) {
  const unreachable = UNREACHABLE.exec(output)?.[1];
  if (unreachable !== undefined) {
    return new SetupError(
      `the packages cannot be downloaded, because the npm registry cannot be reached (${unreachable}).`,
      "connect to the network, or set npm's proxy, and run the same command again.",
    );
  }
  if (/\bENOSPC\b/.test(output)) {
    return new SetupError(
      "the packages do not fit on this disk (ENOSPC).",
      "free about 1 GB and run the same command again.",
    );
  }
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !line.includes(" warn "));
  return new SetupError(`npm ci failed. Its own words:\n${lines.slice(0, 12).join("\n")}`);
}

/** Compiles src/ into dist/ unless dist/ was made from these very sources. */
async function build() {
  const dist = path.join(root, "dist");
  const stamp = path.join(root, ".cache", "build.sha256");
  const wanted = sourceHash();
  if (fs.existsSync(dist) && fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wanted) {
    return;
  }
  process.stderr.write("Building ...\n");
  // Beside dist/ and then renamed: an interrupted or failed build leaves the last good one, and no stale files stay.
  const next = path.join(root, "dist.next");
  fs.rmSync(next, { recursive: true, force: true });
  const result = await tool("typescript", "tsc", ["-p", "tsconfig.build.json", "--outDir", next]);
  if (result.code !== 0) {
    fs.rmSync(next, { recursive: true, force: true });
    throw new SetupError(`the build failed. The compiler says:\n${result.output.trimEnd()}`);
  }
  // npm makes a command executable when it installs it, and npx runs this one from here
  fs.chmodSync(path.join(next, "cli", "main.js"), 0o755);
  fs.rmSync(dist, { recursive: true, force: true });
  fs.renameSync(next, dist);
  fs.writeFileSync(stamp, wanted);
}

/** A hash over everything the build reads; content rather than time, because git does not keep times. */
function sourceHash() {
  const hash = createHash("sha256");
  const sources = fs
    .readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => path.join("src", file));
  for (const file of [
    "scripts/bootstrap.mjs",
    "tsconfig.json",
    "tsconfig.build.json",
    "package-lock.json",
    ...sources.toSorted(),
  ]) {
    hash
      .update(`${file}\0`)
      .update(fs.readFileSync(path.join(root, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Longer than any install takes; an older lock's process number belongs to somebody else by now. */
const LOCK_AGE_MS = 15 * 60_000;

/**
 * Runs `work` while no other bootstrap of this checkout runs: two `npm ci` at once would delete each other's files.
 * A lock whose owner has died is taken over.
 *
 * @param {() => Promise<void>} work
 */
async function withLock(work) {
  const lock = path.join(root, ".cache", "bootstrap.lock");
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  for (let tries = 0; !takeLock(lock); tries++) {
    if (tries === 10)
      process.stderr.write("Waiting for another install or build here to end ...\n");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    await work();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

/** @param {string} lock */
function takeLock(lock) {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  if (!isHeld(lock)) fs.rmSync(lock, { force: true });
  return false;
}

/** @param {string} lock */
function isHeld(lock) {
  try {
    const owner = Number(fs.readFileSync(lock, "utf8"));
    const ageMs = Date.now() - fs.statSync(lock).mtimeMs;
    if (ageMs > LOCK_AGE_MS) return false;
    if (owner === 0) return ageMs < 2000; // its owner is about to write the number, or died before that
    process.kill(owner, 0); // signal 0 only asks whether the process is there
    return true;
  } catch (error) {
    return hasCode(error, "EPERM"); // it is there, and somebody else's
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}
