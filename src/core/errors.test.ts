import { expect, test } from "vitest";

import { PatchClampError, unreachable } from "./errors.ts";

test("the message is the speaker, the problem and, on a line of its own, the fix", () => {
  const error = new PatchClampError("BAD_OPTION", {
    where: "demo",
    problem: "k is 0, not at least 1.",
    fix: "use k = 1.",
  });
  expect(error.message).toBe("demo: k is 0, not at least 1.\n  fix: use k = 1.");
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("PatchClampError");
  expect(error.fix).toBe("use k = 1.");
});

test("an error without a fix is one line and carries no facts", () => {
  const error = new PatchClampError("BAD_INPUT", { where: "demo", problem: "x is empty." });
  expect(error.message).toBe("demo: x is empty.");
  expect(error).toMatchObject({ code: "BAD_INPUT", facts: {}, fix: undefined });
  expect("cause" in error).toBe(false);
});

test("facts and the cause are kept as they were given", () => {
  const cause = new Error("underneath");
  const facts = { axis: 3 };
  const error = new PatchClampError("BAD_FILE", { where: "demo", problem: "no.", facts, cause });
  expect(error.cause).toBe(cause);
  expect(error.facts).toBe(facts);
});

test("a branch that types say cannot be reached says so when it is", () => {
  expect(() => unreachable("surprise" as never)).toThrow("unreachable: surprise");
});
