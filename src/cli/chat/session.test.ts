import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";

import { answered, beginChat, hear, messagesOf, textOf, turnStrength } from "./session.ts";
import type { Chat } from "./session.ts";

const empty = beginChat({ strength: 1, isSteered: true });
const one = answered(empty, { user: "Hello.", answer: " Good day.", strength: 1 });

/** What a line makes a chat say. */
function said(chat: Chat, line: string): string {
  const { request } = hear(chat, line);
  return request.kind === "say" ? request.text : request.kind;
}

test("a line that is no command asks for an answer, without the space around it", () => {
  expect(hear(empty, "  Hello there. ")).toEqual({
    chat: empty,
    request: { kind: "answer", line: "Hello there." },
  });
  expect(hear(empty, "   ").request).toEqual({ kind: "say", text: "" });
});

test("/strength changes the strength of what comes, and of nothing that was", () => {
  const { chat, request } = hear(one, "/strength -2.5");
  expect(chat).toEqual({ ...one, strength: -2.5 });
  expect(request).toMatchObject({ text: "The next answers are steered at strength -2.5." });
  expect(said(one, "/strength")).toBe("The strength is 1.");
  expect(hear(one, "/strength much").chat).toBe(one);
  expect(said(one, "/strength much")).toBe('"much" is not a number; write /strength 1.5, or -2.');
});

test("without interventions there is no strength to change", () => {
  const plain = beginChat({ strength: 1, isSteered: false });
  expect(hear(plain, "/strength 3").chat).toBe(plain);
  expect(said(plain, "/strength 3")).toMatchInlineSnapshot(
    `"No interventions are loaded, so there is no strength; start with --interventions FILE."`,
  );
  expect(turnStrength(plain, 3, 0.5)).toBe(plain);
});

test("keys up and down as often leave the strength as it was", () => {
  assert(
    property(
      array(constantFrom(1, -1), { maxLength: 50 }),
      constantFrom(0.1, 0.25, 0.5, 0.3),
      (steps, size) => {
        const there = steps.reduce((chat, step) => turnStrength(chat, step, size), empty);
        const back = steps.reduce((chat, step) => turnStrength(chat, -step, size), there);
        expect(back.strength).toBe(empty.strength);
      },
    ),
    { seed: 1 },
  );
});

test("/undo forgets the last turn, /again asks for its answer anew", () => {
  expect(hear(one, "/undo").chat.turns).toEqual([]);
  expect(said(one, "/undo")).toBe("Forgotten: Hello.");
  expect(hear(one, "/again")).toMatchObject({
    chat: { turns: [] },
    request: { kind: "answer", line: "Hello." },
  });
  expect(said(empty, "/undo")).toBe("There is nothing to undo.");
  expect(said(empty, "/again")).toBe("There is nothing to answer anew.");
});

test("other commands ask for what they are called", () => {
  expect(hear(one, "/save my chat.json").request).toEqual({ kind: "save", path: "my chat.json" });
  expect(said(one, "/save")).toBe("Name a file: /save chat.json");
  expect(said(one, "/quit")).toBe("quit");
  expect(said(one, "/interventions")).toBe("interventions");
  expect(said(one, "/sing")).toBe("There is no /sing; /help lists what there is.");
});

test("/help names every command and every key", () => {
  for (const word of [
    "/strength",
    "/interventions",
    "/again",
    "/undo",
    "/save",
    "/quit",
    "Ctrl-Up",
    "Page Down",
  ])
    expect(said(empty, "/help")).toContain(word);
});

test("messages are in the order of the talk, the system's first", () => {
  expect(messagesOf({ ...one, system: "Be calm." }, "And now?")).toEqual([
    { role: "system", content: "Be calm." },
    { role: "user", content: "Hello." },
    { role: "assistant", content: "Good day." },
    { role: "user", content: "And now?" },
  ]);
});

test("as one text, pieces are parted by one space where nothing parts them", () => {
  expect(textOf({ ...one, system: "Once.\n" }, "Then?")).toBe("Once.\nHello. Good day. Then?");
  expect(textOf(empty, "Hello.")).toBe("Hello.");
});
