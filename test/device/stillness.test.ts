import { expect, test } from "vitest";
import { settleMs } from "../../src/device/stillness.js";

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
