import { expect, test } from "vitest";

import type { History } from "../organisms/history.ts";
import { figureSvg } from "./svg.ts";
import { trainingFigure } from "./training-figure.ts";
import type { TrainedSkill } from "./training-figure.ts";

const skills = (count: number): TrainedSkill[] =>
  Array.from({ length: count }, (_, i) => ({ name: `skill ${i}`, score: 0.9, bar: 0.8 }));

const history = (names: readonly string[]): History => ({
  losses: [1000, 2000, 3000].map((step) => ({ step, loss: 3000 / step })),
  scores: [1500, 3000].map((step) => ({
    step,
    scores: Object.fromEntries(names.map((name) => [name, step / 4000])),
  })),
});

const drawn = async (given: readonly TrainedSkill[], run?: History): Promise<string> =>
  figureSvg(trainingFigure(run ?? history(given.map(({ name }) => name)), given));

const count = (svg: string, text: string | RegExp): number => svg.split(text).length - 1;

test("every one of 22 skills has its name, its score and its curve", async () => {
  const given = skills(22);
  const svg = await drawn(given);
  for (const { name } of given) expect(svg).toContain(`>${name}<`);
  expect(count(svg, ">90.0 %<")).toBe(22);
  expect(count(svg, /mark-line role-mark/)).toBe(23); // and that of the loss
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test("a skill that misses its bar is marked, and has another colour", async () => {
  const [good] = skills(1);
  const low = { name: "low", score: 0.7, bar: 0.8 };
  const strokes = (svg: string): Set<string> =>
    new Set([...svg.matchAll(/stroke="(#[0-9a-f]{6})" stroke-width="2.25"/g)].map(([, at]) => at!));
  const [fine, mixed] = [await drawn([good!]), await drawn([good!, low])];
  expect(fine).not.toContain(">✗");
  expect(mixed).toContain(">✗ 70.0 %<");
  expect([strokes(fine).size, strokes(mixed).size]).toEqual([1, 2]);
});

test("losses that fall by a factor of more than 30 are drawn by factors", () => {
  const steep = { ...history([]), losses: [1, 2].map((step) => ({ step, loss: 100 ** -step })) };
  expect(JSON.stringify(trainingFigure(steep, []))).toContain('"log"');
  expect(JSON.stringify(trainingFigure(history([]), []))).not.toContain('"log"');
});

test("a run of one step, and one that was never measured, are drawn too", async () => {
  const one = await drawn(skills(1), { losses: [{ step: 1, loss: 5 }], scores: [] });
  expect(one).toContain(">skill 0<");
  expect(one).not.toMatch(/NaN|undefined|Infinity/);
});

test("light and dark figures differ in colours only", async () => {
  const spec = trainingFigure(history(["skill 0"]), skills(1));
  const [light, dark] = [await figureSvg(spec, "light"), await figureSvg(spec, "dark")];
  const plain = (svg: string): string => svg.replaceAll(/#[0-9a-f]{6}/g, "#");
  expect(light).not.toBe(dark);
  expect(plain(light)).toBe(plain(dark));
});
