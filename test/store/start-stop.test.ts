import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisStore } from "../../src/store/redis-store.js";
import { createCalendar } from "../../src/system/calendar.js";
import { worker } from "../support/jobs.js";
import { eventually } from "../support/eventually.js";
import { openTestStore, type TestStore } from "../support/store.js";

/** T32: what the store runs in the background begins and ends in any order, and leaves no connection behind. */
let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

async function connections(): Promise<number> {
  return String(await at.redis.client("LIST"))
    .trim()
    .split("\n").length;
}

test("T32: stores are opened, followed and closed at once, over and over, and nothing of them stays", async () => {
  const before = await connections();
  async function life(round: number, who: number): Promise<void> {
    const store = await createRedisStore({
      calendar: createCalendar(),
      address: at.address,
      now: () => Date.now(),
      monotonic: () => performance.now(),
    });
    // Some are closed before anything follows, some while it begins, some twice.
    const leaves =
      who % 3 === 0 ? [] : [store.watches.onFeed(() => undefined), store.watches.onJob("x", () => undefined)];
    const hint = who % 2 === 0 ? store.leases.onHint(worker(`w${round}-${who}`), () => undefined) : undefined;
    if (who % 4 === 0) await (await hint)?.();
    for (const leave of leaves) leave();
    await Promise.all([store.close(), hint?.catch(() => undefined), ...(who === 9 ? [store.close()] : [])]);
  }
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, (_, who) => life(round, who)));
  await eventually(async () => expect(await connections()).toBe(before));
});
