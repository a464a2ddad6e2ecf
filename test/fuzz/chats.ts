// Chat templates with something wrong in them, and programs made of their parts.

import * as fc from "fast-check";

import { applyChatTemplate } from "../../src/checkpoints/chat/chat.ts";

const parts = [
  ..."{{|}}|{%|%}|{#|#}|{%-|-%}|{{-|-}}".split("|"),
  "{% for m in messages %}",
  "{% for i in range(100000) %}",
  "{% for k, v in messages[0].items() recursive %}",
  "{% endfor %}",
  "{% break %}",
  "{% continue %}",
  "{% if loop.first %}",
  "{% elif tools is defined and tools is not none %}",
  "{% else %}",
  "{% endif %}",
  "{% set x = 'ab' %}",
  "{% set x = x ~ x %}",
  "{% set x = x + x %}",
  "{% set x = [x, x] %}",
  "{% set x = x + [1] + x %}",
  "{% set ns = namespace(n=0) %}",
  "{% set ns.n = ns.n + 1 %}",
  "{% set ns.self = ns %}",
  "{% macro again(a) %}{{ again(a) }}{% endmacro %}",
  "{{ again(1) }}",
  "{% call again(2) %}",
  "{% endcall %}",
  "{% filter upper %}",
  "{% endfilter %}",
  "{% raw %}",
  "{% generation %}",
  "{{ m.content | trim }}",
  "{{ m['role'] + '\\n' }}",
  "{{ x | tojson(indent=4) }}",
  "{{ x | tojson(indent=100000000) }}",
  "{{ 'a\\nb' | indent(width=100000000, first=true) }}",
  "{{ x | join(x) | length }}",
  "{{ 'aaaa'.replace('a', x) }}",
  "{{ messages | map(attribute='content') | join(', ') }}",
  "{{ messages | selectattr('role', 'equalto', 'user') | list }}",
  "{{ messages[::-1][0:2][-1].content[::0] }}",
  "{{ messages | sort(attribute='role') | groupby('role') }}",
  "{{ raise_exception('no') }}",
  "{{ strftime_now('%d %b %Y %Q') }}",
  "{{ bos_token ~ eos_token ~ undefined_name.field }}",
  "{{ 1 / 0 }}{{ 7 % 0 }}{{ 2 ** 9999 }}{{ -'a' }}",
  "{{ dict(a=1) }}{{ {'a': 1}['b']['c'] }}",
  "{{ range(0, 10, 0) }}{{ range('a') }}{{ range(1e308) }}",
  "{{ messages.__class__.__mro__ }}{{ ''.constructor.constructor('return 1')() }}",
  "{{ x | not_a_filter }}{{ x is not_a_test }}",
  "{{ not not not x }}",
];

const nested = fc
  .tuple(fc.constantFrom("(", "[", "not ", "-", "{'a':", "x if x else "), fc.nat(3000))
  .map(([open, depth]) => `{{ ${open.repeat(depth)} }}`);

/** A template: one of those given with stretches taken out, repeated or put in, or parts behind one another. */
export function templates(given: readonly string[]): fc.Arbitrary<string> {
  const part = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...parts) },
    { weight: 1, arbitrary: nested },
  );
  const edit = fc.tuple(fc.nat(2000), fc.nat(40), fc.oneof(part, fc.constant(""), fc.string()));
  const edited = fc
    .tuple(fc.constantFrom(...given), fc.array(edit, { maxLength: 3 }))
    .map(([template, edits]) =>
      edits.reduce((text, [at, length, put]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + put + text.slice(start + length);
      }, template),
    );
  const composed = fc.array(part, { maxLength: 30 }).map((all) => all.join(""));
  return fc.oneof(edited, composed);
}

const text = fc.oneof(fc.constant("Hi"), fc.string(), fc.constant("a\n".repeat(500)));
const content = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: fc.array(fc.record({ type: fc.constant("text"), text })) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** A conversation, as a user's file may hold it. */
export const conversations: fc.Arbitrary<readonly { role: string; content: unknown }[]> = fc.array(
  fc.record({ role: fc.constantFrom("system", "user", "assistant", "tool"), content }),
  { maxLength: 5 },
);

/** Writes a conversation by a template, in each way. */
export function writeChat(
  template: string,
  messages: readonly { role: string }[],
  options: Parameters<typeof applyChatTemplate>[2],
): void {
  const source = {
    name: "fuzzed",
    chatTemplates: { default: template },
    specialTokens: { bos_token: "<s>", eos_token: "</s>" },
  };
  const prompt = applyChatTemplate(source, messages, options);
  if (typeof prompt !== "string") throw new Error(`a prompt is ${typeof prompt}`);
}
