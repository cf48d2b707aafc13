import { expect, test } from "vitest";
import { settleMs, standStill } from "../../src/device/stillness.js";
import type { Clock } from "../../src/domain/clock.js";

const steady = { repaints: false };
const answer = { answered: true, pieces: 1, answeredInMs: 0.25, torn: false, longestPause: 0 };

test("a prompt stands still as long as is asked for, or as long as the device took to answer where that is enough", () => {
  expect(settleMs(steady, { settleMs: 10 }, answer)).toBe(10);
  const quick = { settleMs: 1, settlesAsAnswered: true };
  expect(settleMs(steady, quick, answer)).toBe(0.25);
  expect(settleMs(steady, quick, { ...answer, answeredInMs: 40 })).toBe(1);
  expect(settleMs(steady, quick, { ...answer, answered: false })).toBe(0);
});

test("what is followed is believed at once in one piece, and has its prompt stand still in more", () => {
  const quick = { settleMs: 1, settlesAsAnswered: true, isFollowed: true };
  expect(settleMs(steady, quick, answer)).toBe(0);
  expect(settleMs(steady, quick, { ...answer, pieces: 2 })).toBe(0.25);
  expect(settleMs(steady, quick, { ...answer, torn: true })).toBe(10);
});

test("lines that came torn, and a prompt that is painted again, are given more time than that", () => {
  const quick = { settleMs: 1, settlesAsAnswered: true };
  expect(settleMs(steady, quick, { ...answer, torn: true })).toBe(10);
  expect(settleMs(steady, quick, { ...answer, torn: true, longestPause: 30 })).toBe(120);
  expect(settleMs({ repaints: true }, quick, answer)).toBe(30);
});

/** A clock of which each look takes a tenth of a millisecond, and which has no timers. */
function stepping(): Clock & { readonly looks: () => number } {
  let looks = 0;
  const none = (): never => {
    throw new Error("no timer is wanted here");
  };
  return { looks: () => looks, now: none, sleep: none, timer: none, monotonic: () => looks++ / 10 };
}

test("less than a millisecond is waited for from turn to turn, and one turn at least", async () => {
  const clock = stepping();
  await new Promise<void>((resolve) => standStill(clock, 0.5, resolve));
  expect(clock.looks()).toBe(6);
  const order: string[] = [];
  const over = new Promise<void>((resolve) => standStill(stepping(), 0, resolve)).then(() => order.push("stood"));
  process.nextTick(() => order.push("read"));
  await over;
  expect(order).toEqual(["read", "stood"]);
});

test("what is cancelled meanwhile is not called", async () => {
  const clock = stepping();
  const called: string[] = [];
  const cancel = standStill(clock, 0.3, () => called.push("cancelled"));
  setImmediate(cancel);
  await new Promise<void>((resolve) => standStill(stepping(), 0.9, resolve));
  expect(called).toEqual([]);
  expect(clock.looks()).toBe(2);
});
