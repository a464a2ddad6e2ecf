import { expect, test } from "vitest";

import { readChats } from "../../../test/golden/tokenizers/read.ts";
import { applyChatTemplate } from "./chat.ts";
import type { ChatMessage, ChatOptions, ChatSource } from "./chat.ts";
import { makeTokenizer } from "../tokenizer/tokenizer.ts";
import { wordTokenizerJson } from "../tokenizer/word-tokenizer.ts";

const { templates, cases, expected } = await readChats();

const source = (template: string): ChatSource => ({
  name: "tiny",
  chatTemplates: { default: template },
  specialTokens: { bos_token: "<s>", eos_token: "</s>" },
});

const hello: ChatMessage[] = [{ role: "user", content: "Hello" }];
const run = (template: string, options?: ChatOptions): string =>
  applyChatTemplate(source(template), hello, options);

const numbered = cases.map((chat, i) => ({ ...chat, i, outcome: expected[i]! }));

test.each(numbered.filter(({ outcome }) => "text" in outcome))(
  "case $i ($template) gives the text that transformers gives",
  ({ template, messages, options = {}, outcome }) => {
    const { add_generation_prompt, continue_final_message, tools, ...variables } = options;
    const text = applyChatTemplate(source(templates[template]!), messages, {
      addGenerationPrompt: add_generation_prompt === true,
      continueFinalMessage: continue_final_message === true,
      ...(Array.isArray(tools) ? { tools } : {}),
      variables,
    });
    expect({ text }).toEqual(outcome);
  },
);

test.each(numbered.filter(({ outcome }) => "error" in outcome))(
  "case $i ($template) is refused for the reason that the template gives",
  ({ template, messages, outcome }) => {
    const { error } = outcome as { error: string };
    expect(() => applyChatTemplate(source(templates[template]!), messages)).toThrow(error);
  },
);

test("what a template refuses is said in its words", () => {
  const system = [{ role: "system", content: "Be kind." }];
  expect(() =>
    applyChatTemplate(source(templates["turns"]!), system),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: applyChatTemplate: the chat template of tiny refuses these messages: There is no system role here]`,
  );
});

test("a conversation's text has one <bos> when it is encoded without special tokens", () => {
  const json = wordTokenizerJson(["Hello", "user"]);
  const tokenizer = makeTokenizer("tiny", json, {
    bos_token: "<bos>",
    chat_template: "{{ bos_token }} {{ messages[0].role }} {{ messages[0].content }}",
  });
  const text = applyChatTemplate(tokenizer, hello);
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  expect(ids.map(tokenizer.token)).toEqual(["<bos>", "user", "Hello"]);
});

test("tools choose the template that is made for them", () => {
  const two = { ...source("plain"), chatTemplates: { default: "plain", tool_use: "tools" } };
  expect(applyChatTemplate(two, hello)).toBe("plain");
  expect(applyChatTemplate(two, hello, { tools: [] })).toBe("tools");
  expect(applyChatTemplate(two, hello, { tools: [], template: "default" })).toBe("plain");
  expect(() => applyChatTemplate(two, hello, { template: "rag" }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: applyChatTemplate: tiny has no chat template "rag"; it has default, tool_use.
      fix: name one of them as \`template\`.]
  `);
});

test("a tokenizer without a template says so and what to do", () => {
  const none = { ...source(""), chatTemplates: {} };
  expect(() => applyChatTemplate(none, hello)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: applyChatTemplate: tiny has no chat template: it was trained on plain text, or its template was not kept.
      fix: write the prompt yourself, or put the template beside the weights as chat_template.jinja.]
  `);
});

test("the date comes from the caller, in English", () => {
  const now = new Date(2024, 6, 4, 15, 5, 9);
  const formats = "%d %b %Y|%B %-d, %A %a|%y-%m-%d %H:%M:%S|%I %p|100%%";
  expect(run(`{{ strftime_now('${formats}') }}`, { now })).toBe(
    "04 Jul 2024|July 4, Thursday Thu|24-07-04 15:05:09|03 PM|100%",
  );
  expect(() => run("{{ strftime_now('%Q') }}", { now })).toThrow("the date field %Q is not known");
  expect(() => run("{{ strftime_now('%d') }}")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: applyChatTemplate: the chat template of tiny writes the date into the prompt, and no \`now\` was given.
      fix: give \`now: new Date()\`, or a fixed date for prompts that are to stay the same.]
  `);
});

test("two ways to end the prompt are one too many", () => {
  expect(() => run("x", { addGenerationPrompt: true, continueFinalMessage: true }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: applyChatTemplate: addGenerationPrompt begins a new message and continueFinalMessage goes on with the last.
      fix: ask for one of them.]
  `);
});

test("the last of a message's text parts is the one that goes on", () => {
  const parts = [{ type: "text", text: "one" }, { type: "text", text: "two" }, { type: "image" }];
  const template = "{% for p in messages[0].content %}[{{ p.text }}]{% endfor %}<end>";
  const chat = [{ role: "user", content: parts }];
  const text = applyChatTemplate(source(template), chat, { continueFinalMessage: true });
  expect(text).toBe("[one][two");
});

test.each([
  ["no messages", []],
  ["a message without text", [{ role: "user", content: null }]],
  ["a message that the template leaves out", [{ role: "system", content: "x" }]],
])("%s cannot be gone on with", (_case, messages) => {
  const template =
    "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}";
  expect(() =>
    applyChatTemplate(source(template), messages, { continueFinalMessage: true }),
  ).toThrow("the prompt of tiny does not hold the text of the final message");
});

test.each([
  ["is not closed", "{% if messages %}"],
  ["is not Jinja", "{{ messages[ }}"],
  ["calls what is not there", "{{ nothing() }}"],
  ["calls itself for ever", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"],
  ["counts too far", "{% for i in range(1000000000000) %}{% endfor %}"],
  ["counts for ever", "{% for i in range(1, 2, 0) %}{% endfor %}"],
  [
    "takes too many steps",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
  ],
  [
    "doubles a text for ever",
    `{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | upper }}`,
  ],
  [
    "adds a text to itself for ever",
    `{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | length }}`,
  ],
  [
    "doubles a list for ever",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | length }}",
  ],
  [
    "writes a list that holds itself twice, and so on",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
  ],
  [
    "looks through a long text again and again",
    "{% set ns = namespace(s='a') %}{% for i in range(20) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{% for i in range(99999) %}{{ 'b' in ns.s }}{% endfor %}",
  ],
  ["indents by a hundred million", "{{ 'a\\nb' | indent(width=100000000, first=true) }}"],
  ["writes JSON indented by a hundred million", "{{ [1, [2]] | tojson(indent=100000000) }}"],
  [
    "leaves a loop after writing text",
    "{% for i in [1, 2] %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}",
  ],
])("a template that %s is refused, and soon", (_case, template) => {
  const start = process.cpuUsage();
  expect(() => run(template)).toThrow("the chat template of tiny cannot be run: ");
  // a second at most where the machine does nothing else; without a limit, minutes or for ever
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
});

test.each([
  [
    "a template as long as a book's chapter",
    "{{ 1 }}".repeat(40_000),
    "it has over 262144 characters",
  ],
  ["a page of blanks", " ".repeat(1001), "it has over 1000 blanks in one place"],
])("%s is refused by its length", (_case, template, reason) => {
  expect(() => run(template)).toThrow(`the chat template of tiny cannot be run: ${reason}.`);
});

test("a thousand messages of a thousand characters are written", () => {
  const messages = Array.from({ length: 1000 }, () => ({
    role: "user",
    content: "x".repeat(1000),
  }));
  const template =
    "{% for m in messages %}<{{ m.role }}>{{ m.content | trim + '\\n' }}{% endfor %}";
  expect(applyChatTemplate(source(template), messages)).toHaveLength(1000 * 1007);
});

test("a template that cannot be run is refused in one sentence", () => {
  expect(() => run("{{ nothing() }}")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: applyChatTemplate: the chat template of tiny cannot be run: Cannot call something that is not a function: got UndefinedValue.
      fix: report the template, or give a corrected one in chat_template.jinja.]
  `);
});
