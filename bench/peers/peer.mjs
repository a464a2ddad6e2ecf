// The Node side of the peers: packages from npm, in a process that stays up. It speaks as peer.py does: a line of JSON with
// {"task": "module:function", "args"} comes in, one with {"ms", "peer", "result"} goes out, or {"error"}.
//
// A task gets its arguments and returns { name, work }; `work` resolves to { ms, result }.

import process from "node:process";
import { createInterface } from "node:readline";

/** @typedef {{ name: string, work: () => Promise<{ ms: number, result: number[] }> }} Prepared */

// Libraries that print must not speak into the conversation.
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

/** @type {Map<string, Promise<Prepared>>} */
const prepared = new Map();

/** @param {string} task @param {object} args @returns {Promise<Prepared>} */
function prepare(task, args) {
  const key = JSON.stringify([task, args]);
  const made = prepared.get(key) ?? load(task, args);
  prepared.set(key, made);
  return made;
}

/** @param {string} task @param {object} args @returns {Promise<Prepared>} */
async function load(task, args) {
  const [module, name] = task.split(":");
  const tasks = await import(`./${module}.mjs`);
  return tasks[String(name)](args);
}

/** @param {{ task: string, args: object, onlyPrepare?: boolean }} request */
async function answer({ task, args, onlyPrepare = false }) {
  const { name, work } = await prepare(task, args);
  if (onlyPrepare) return { peer: name };
  globalThis.gc?.();
  const restRssMb = process.memoryUsage.rss() / 2 ** 20;
  const { ms, result } = await work();
  return { ms, peer: name, result, peakRssMb: process.resourceUsage().maxRSS / 1024, restRssMb };
}

for await (const line of createInterface({ input: process.stdin })) {
  const told = await answer(JSON.parse(line)).catch((error) => ({
    error: String(error instanceof Error ? error.message : error).split("\n")[0],
  }));
  say(`${JSON.stringify(told)}\n`);
}
