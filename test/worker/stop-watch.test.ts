import { pino } from "pino";
import { expect, test } from "vitest";
import type { ChangeStop } from "../../src/domain/policies.js";
import { StoreError } from "../../src/store/store.js";
import { createStopWatch } from "../../src/worker/stop-watch.js";
import { createHandClock } from "../support/hand-clock.js";

function watching(answers: () => Promise<ChangeStop | undefined>) {
  const clock = createHandClock();
  const heard: string[] = [];
  const state = { changing: true, asked: 0 };
  const watch = createStopWatch({
    clock,
    zone: "default",
    logger: pino({ level: "silent" }),
    leases: {
      stopped: () => {
        state.asked++;
        return answers();
      },
    },
    changing: () => state.changing,
    stopped: (words) => heard.push(words),
  });
  return { clock, watch, heard, state };
}

test("a stop is heard within a second though its hint was lost", async () => {
  const stops: ChangeStop[] = [];
  const { clock, watch, heard } = watching(() => Promise.resolve(stops[0]));
  watch.begun();
  await clock.advance(5_000);
  expect(heard).toEqual([]);
  stops.push({ owner: "ann", reason: "fire", createMs: 0 });
  await clock.advance(1_000);
  expect(heard[0]).toBe("changes were stopped by ann: fire");
});

test("a store that does not answer once is asked again", async () => {
  let times = 0;
  const { clock, watch, heard } = watching(() =>
    times++ === 0
      ? Promise.reject(new StoreError("STORE_UNAVAILABLE", "away"))
      : Promise.resolve({ owner: "ann", reason: "fire", createMs: 0 }),
  );
  watch.begun();
  await clock.advance(1_000);
  expect(heard).not.toEqual([]);
});

test("nothing is asked while no change runs", async () => {
  const { clock, watch, state } = watching(() => Promise.resolve(undefined));
  watch.begun();
  state.changing = false;
  await clock.advance(10_000);
  expect(state.asked).toBe(1);
  watch.hinted();
  expect(state.asked).toBe(1);
});
