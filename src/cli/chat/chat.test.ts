import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";

import { Chalk } from "chalk";
import { afterAll, beforeAll, expect, test } from "vitest";

import { cli, cliWith } from "../../../test/cli-host.ts";
import { tinyFiles } from "../../../test/tiny.ts";
import { loadNetwork } from "../../index.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { interventionSet } from "../../values/index.ts";
import type { DoseCurve } from "../../values/index.ts";
import { chatPrompt } from "./answer.ts";
import { promptLine } from "./chat.ts";
import { beginChat } from "./session.ts";

const stories = "organism:stories";
const first = "Mira was at the park.";

let folder: string;
let push: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-chat-"));
  push = join(folder, "push.json");
  const vector = Array.from({ length: 128 }, (_, i) => 6 * Math.sin(i));
  const site = "blocks.1.resid_post";
  const set = { name: "push", interventions: [{ kind: "add", site, vector }] };
  await writeFile(push, JSON.stringify(set));
});
afterAll(() => rm(folder, { recursive: true }));

interface Transcript {
  messages: { role: string; content: string }[];
  strengths: number[];
}

/** Chats with lines from a pipe. */
async function piped(lines: readonly string[], ...argv: string[]) {
  const stdin = Readable.from(lines.map((line) => `${line}\n`));
  return cliWith({ stdin }, "chat", ...argv);
}

async function transcriptOf(lines: readonly string[], ...argv: string[]): Promise<Transcript> {
  const { stdout, exitCode } = await piped(lines, ...argv, "--json");
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Transcript;
}

/** What `generate` adds to a text. */
async function continued(text: string, ...options: string[]): Promise<string> {
  const all = ["--max-tokens", "8", ...options, "--json"];
  const { stdout } = await cli("generate", stories, text, ...all);
  return (JSON.parse(stdout) as { continuation: string }).continuation;
}

test("each line is answered by what generate adds to the text so far", async () => {
  const lines = [first, "Then it rained."];
  const { messages } = await transcriptOf(lines, "--max-tokens", "8");
  const answer = await continued(first);
  const second = await continued(`${first}${answer} Then it rained.`);
  expect(messages).toEqual([
    { role: "user", content: first },
    { role: "assistant", content: answer.trim() },
    { role: "user", content: "Then it rained." },
    { role: "assistant", content: second.trim() },
  ]);
});

test("the strength holds from the next answer on", async () => {
  const lines = [first, "/strength 0", "/again", "/strength 2", "/undo", first];
  const { stdout } = await piped(lines, "--interventions", push, "--max-tokens", "8");
  const answers = await Promise.all(
    ["1", "0", "2"].map((x) => continued(first, "--interventions", push, "--strength", x)),
  );
  expect(stdout.trimEnd().split("\n")).toEqual(answers.map((answer) => answer.trim()));
  expect(answers[1]).toBe(await continued(first));
  expect(new Set(answers).size).toBe(3);
});

test("/save writes what --json prints", async () => {
  const path = join(folder, "talk.json");
  const options = ["--interventions", push, "--max-tokens", "4"];
  const lines = [first, "/strength 2", "Then it rained.", `/save ${path}`];
  const transcript = await transcriptOf(lines, ...options);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual(transcript);
  expect(transcript.strengths).toEqual([1, 2]);
  expect(transcript).toMatchObject({ interventions: [{ name: "push" }] });
});

test("what is no answer is said on standard error, and /quit leaves the rest unread", async () => {
  const lines = ["/sing", "/interventions", "zebra", "/quit", first];
  const { exitCode, stdout, stderr } = await piped(lines, "--max-tokens", "1");
  expect({ exitCode, lines: stdout.split("\n").length }).toEqual({ exitCode: 0, lines: 2 });
  expect(stderr).toMatchInlineSnapshot(`
    "There is no /sing; /help lists what there is.
    No interventions are loaded, so there is no strength; start with --interventions FILE.
    organism:stories does not know 1 word of the prompt and reads: <bos> <unk>
    "
  `);
});

test("a line that does not fit is refused, and the chat goes on", async () => {
  const lines = ["Mira sang. ".repeat(40), first];
  const { stderr, stdout } = await piped(lines, "--max-tokens", "8");
  expect(stdout.trim()).toBe((await continued(first)).trim());
  expect(stderr).toMatchInlineSnapshot(`
    "organism:stories: the prompt has 121 tokens, but the context holds 64.
      fix: shorten it.
    "
  `);
});

test("turns that no longer fit are left out from the oldest on, and it is said", async () => {
  const lines = Array.from({ length: 6 }, () => "Mira went to the park with Tomo.");
  const { stderr } = await piped(lines, "--max-tokens", "16");
  const notes = stderr.split("\n").filter((line) => line.includes("not fit"));
  expect(notes).toHaveLength(4);
  expect(notes[0]).toMatchInlineSnapshot(
    `"The first turn does not fit into the context of 64 tokens any more, and organism:stories did not see it."`,
  );
});

test("a chat template gets the conversation as messages", async () => {
  const place = join(folder, "template");
  const from = await tinyFiles("llama", {
    words: ["user", "assistant", "system", "hello", "calm"],
    config: { vocab_size: 9 },
  });
  const to = nodeFiles(place);
  for (const file of await from.list()) await to.write(file, await from.read(file));
  const template =
    "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant{% endif %}";
  await to.write("chat_template.jinja", new TextEncoder().encode(template));
  const net = await loadNetwork(place);
  const turn = { user: "hello", answer: " calm", strength: 1 };
  const chat = { ...beginChat({ system: "calm", strength: 1, isSteered: false }), turns: [turn] };
  const { ids } = chatPrompt(net, chat, { line: "hello", maxTokens: 1 });
  expect(ids.map((id) => net.tokenizer.token(id)).join(" ")).toBe(
    "system calm user hello assistant calm user hello assistant",
  );
  const longer = { ...chat, turns: Array.from({ length: 40 }, () => turn) };
  const fitted = chatPrompt(net, longer, { line: "hello", maxTokens: 4 });
  expect(fitted.ids.length + 4).toBeLessThanOrEqual(net.config.nCtx);
  // the system message stays
  expect(net.tokenizer.token(fitted.ids[0]!)).toBe("system");
});

/** A terminal whose keys are bytes, and what it shows. */
function terminal(): { stdin: PassThrough; type: (bytes: string) => void } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  // afterwards, as nobody types while the screen is being written
  return { stdin, type: (bytes) => void setImmediate(() => stdin.write(bytes)) };
}

test("Ctrl-Up, Page Up and their like turn the strength while a line is typed", async () => {
  const { stdin, type } = terminal();
  const keys = { ctrlUp: "\u001B[1;5A", ctrlDown: "\u001B[1;5B", pageUp: "\u001B[5~" };
  let prompts = 0;
  const { stdout, exitCode } = await cliWith(
    {
      stdin,
      stdout: (text) => {
        if (!text.includes("push ×")) return;
        prompts++;
        if (prompts === 1) type(`Mira was${keys.ctrlUp}`);
        if (prompts === 2) type(`${keys.pageUp}${keys.ctrlDown}${keys.pageUp}`);
        if (prompts === 5) type(" at the park.\r");
        if (prompts === 6) type("\u0004");
      },
    },
    "chat",
    "--interventions",
    push,
    "--max-tokens",
    "8",
  );
  const shown = [...stdout.matchAll(/push ×([-\d.]+)/g)].map(([, strength]) => Number(strength));
  expect(exitCode).toBe(0);
  expect(shown).toEqual([1, 1.5, 2, 1.5, 2, 2]);
  const steered = await continued(first, "--interventions", push, "--strength", "2");
  expect(stdout).toContain(`\n${steered.trim()}\n`);
});

test("Ctrl-C ends an answer and then the chat", async () => {
  const { stdin, type } = terminal();
  const typed = [`${first}\r`, "\u0003"];
  let [answer, hasEntered] = ["", false];
  const { exitCode } = await cliWith(
    {
      stdin,
      stdout: (text) => {
        if (text.includes("you ›")) {
          hasEntered = false;
          type(typed.shift()!);
        } else if (hasEntered && !text.startsWith("\u001B") && text.trim() !== "") {
          if (answer === "") type("\u0003");
          answer += text;
        }
        if (text.includes("\r\n")) hasEntered = true;
      },
    },
    "chat",
    "--max-tokens",
    "40",
  );
  const whole = await continued(first, "--max-tokens", "40");
  expect({ exitCode, typed }).toEqual({ exitCode: 0, typed: [] });
  expect(whole.trim().startsWith(answer)).toBe(true);
  expect(answer.length).toBeLessThan(whole.trim().length / 2);
});

test("the prompt line says where on its curve the strength lies", () => {
  const curve: DoseCurve = {
    metric: "joy",
    points: [{ strength: 0, effect: 0 }],
    band: [0.5, 2],
    collapse: 4,
  };
  const set = interventionSet({
    name: "joy",
    interventions: [{ kind: "scale", site: "embed", gain: 2 }],
    curve,
  });
  const loaded = [{ path: "joy.safetensors", set, origin: "same" as const }];
  const at = (strength: number): string =>
    promptLine(beginChat({ strength, isSteered: true }), loaded, new Chalk({ level: 0 }));
  expect([0, 1, 3, 4, -1].map(at)).toEqual([
    "joy ×0 › ",
    "joy ×1 › ",
    "joy ×3 outside its band › ",
    "joy ×4 texts fall apart › ",
    "joy ×-1 outside its band › ",
  ]);
  expect(
    promptLine(beginChat({ strength: 1, isSteered: false }), [], new Chalk({ level: 0 })),
  ).toBe("you › ");
});
