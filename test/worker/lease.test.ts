import { expect, test } from "vitest";
import { createLease, instantOf, LeaseLostError, selfStopMs } from "../../src/worker/lease.js";

/** A clock whose two hands a test moves. */
function twoHands() {
  const at = { wall: 1_000_000, monotonic: 5_000 };
  const never = (): never => {
    throw new Error("a lease sets no timer");
  };
  return { at, clock: { now: () => at.wall, monotonic: () => at.monotonic, sleep: never, timer: never } };
}

test.each(["wall", "monotonic"] as const)(
  "nothing may be written any more when by the %s clock alone the lease is over",
  (hand) => {
    const { at, clock } = twoHands();
    const lease = createLease(clock);
    at[hand] += selfStopMs - 1;
    expect(() => lease.check()).not.toThrow();
    at[hand] += 1;
    expect(() => lease.check()).toThrow(LeaseLostError);
  },
);

test("a renewal counts from when it was sent, not from when it was answered", () => {
  const { at, clock } = twoHands();
  const lease = createLease(clock);
  const sent = instantOf(clock);
  for (const hand of ["wall", "monotonic"] as const) at[hand] += selfStopMs - 1;
  lease.renewed(sent);
  expect(lease.remainingMs()).toBe(1);
});

test("a lease that was ended is not renewed by an answer that comes late", () => {
  const { clock } = twoHands();
  const lease = createLease(clock);
  lease.end();
  lease.renewed(instantOf(clock));
  expect(() => lease.check()).toThrow(LeaseLostError);
});
