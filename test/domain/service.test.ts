import { expect, test } from "vitest";
import { createLoop } from "../../src/domain/service.js";
import { createHandClock } from "../support/hand-clock.js";

test("of fifty times ten starts and stops at once the last one counts, and nothing runs twice or is left", async () => {
  const clock = createHandClock();
  let running = 0;
  let most = 0;
  const loop = createLoop(
    async (signal) => {
      most = Math.max(most, ++running);
      while (!signal.aborted) await clock.sleep(1_000, signal).catch(() => undefined);
      // Something that has to be waited for.
      await Promise.resolve();
      running--;
    },
    (error) => {
      throw error;
    },
  );
  for (let round = 0; round < 50; round++) {
    const calls = Array.from({ length: 10 }, (_, turn) => ((round * 7 + turn * turn) % 3 === 0 ? "stop" : "start"));
    const last = calls.at(-1);
    await Promise.all(calls.map((call) => loop[call]()));
    expect([round, running]).toEqual([round, last === "start" ? 1 : 0]);
  }
  await loop.stop();
  expect(running).toBe(0);
  expect(most).toBe(1);
});
