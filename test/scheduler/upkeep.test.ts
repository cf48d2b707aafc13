import { pino } from "pino";
import { expect, test } from "vitest";
import type { Service } from "../../src/domain/service.js";
import { createDueLoop, createReaper } from "../../src/scheduler/upkeep.js";
import { type Store, StoreError, type WorkerRecord } from "../../src/store/store.js";
import { createHandClock, type HandClock } from "../support/hand-clock.js";

const logger = pino({ level: "silent" });
const zones = (): Promise<Map<string, number>> =>
  Promise.resolve(
    new Map([
      ["a", 0],
      ["b", 1],
    ]),
  );

/** Stops a loop that may wait for a timer of the clock. */
async function stop(loop: Service, clock: HandClock): Promise<void> {
  await Promise.all([loop.stop(), clock.turn()]);
}

/** A due loop over zones a and b; counts the steps of each. */
function dueLoop(ofA: () => Promise<never>) {
  const clock = createHandClock();
  const steps = { a: 0, b: 0 };
  const tick = (zone: string) => {
    steps[zone as "a" | "b"]++;
    return zone === "a" ? ofA() : Promise.resolve({ worked: 0, nextMs: 1_000 });
  };
  const store = { zones, upkeep: { tick } } as unknown as Store;
  return { clock, steps, loop: createDueLoop({ store, clock, logger }) };
}

test("a zone whose primary is away keeps none of the others from being looked after, and is tried again", async () => {
  const { clock, steps, loop } = dueLoop(() => Promise.reject(new StoreError("STORE_UNAVAILABLE", "gone")));
  await loop.start();
  await clock.advance(5_000);
  expect(steps.b).toBeGreaterThanOrEqual(5);
  expect(steps.a).toBeGreaterThanOrEqual(5);
  await stop(loop, clock);
});

test("a zone that does not answer delays none of the others", async () => {
  const { clock, steps, loop } = dueLoop(() => clock.sleep(3_000).then(() => Promise.reject(new Error("slow"))));
  await loop.start();
  await clock.advance(5_000);
  expect(steps.b).toBeGreaterThanOrEqual(5);
  expect(steps.a).toBe(2);
  const stopped = loop.stop();
  await clock.advance(3_000);
  await stopped;
  const { b } = steps;
  await clock.advance(5_000);
  expect(steps.b).toBe(b);
});

test("many zones are no sign of something that leaks, so nothing warns of them", async () => {
  const warned: Error[] = [];
  const hear = (warning: Error): void => void warned.push(warning);
  process.on("warning", hear);
  const clock = createHandClock();
  const many = new Map(Array.from({ length: 30 }, (_, number) => [`zone-${number}`, number]));
  const upkeep = { tick: () => Promise.resolve({ worked: 0, nextMs: 1_000 }) };
  const store = { zones: () => Promise.resolve(many), upkeep } as unknown as Store;
  const loop = createDueLoop({ store, clock, logger });
  await loop.start();
  await clock.advance(2_000);
  await stop(loop, clock);
  process.off("warning", hear);
  expect(warned).toEqual([]);
});

test("a worker is buried when its beat stands still for a lease; one that was forgotten meanwhile is a new one", async () => {
  const clock = createHandClock();
  const buried: string[] = [];
  let listed: Partial<WorkerRecord>[] = [{ name: "w1", beat: 7, state: "alive", devices: 1 }];
  const store = {
    zones: () => Promise.resolve(new Map([["a", 0]])),
    workers: { list: () => Promise.resolve(listed) },
    upkeep: {
      reap: (_zone: string, name: string) => {
        buried.push(name);
        listed = listed.map((one) => ({ ...one, state: "dead", devices: 0 }));
        return Promise.resolve({ buried: true, left: 0 });
      },
    },
  } as unknown as Store;
  const loop = createReaper({ store, clock, logger });
  await loop.start();
  await clock.advance(14_000);
  const all = listed;
  listed = [];
  await clock.advance(2_000);
  listed = all;
  await clock.advance(14_000);
  expect(buried).toEqual([]);
  await clock.advance(3_000);
  expect(buried).toEqual(["w1"]);
  await stop(loop, clock);
});
