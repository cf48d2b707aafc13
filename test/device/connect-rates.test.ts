import { describe, expect, test } from "vitest";
import { createConnectRates } from "../../src/device/connect-rate.js";
import { createHandClock } from "../support/hand-clock.js";

/** Begins `count` connections at once; gives when each got its turn, in milliseconds from now, as far as it did. */
async function turns(count: number, ...places: { name: string; rate: { perMinute: number; burst: number } }[]) {
  const clock = createHandClock();
  const rates = createConnectRates(clock, 60_000);
  const from = clock.monotonic();
  const at: (number | string)[] = [];
  for (let i = 0; i < count; i++) {
    void rates.turn(places).then(
      () => at.push(clock.monotonic() - from),
      (error: unknown) => at.push((error as { reason: string }).reason),
    );
  }
  await clock.advance(120_000);
  return at;
}

describe("rates of connecting", () => {
  test("one a second, and never two in one, for who takes it so", async () => {
    expect(await turns(4, { name: "xr", rate: { perMinute: 60, burst: 1 } })).toEqual([0, 1_000, 2_000, 3_000]);
  });

  test("a few at once after a rest, then at the rate", async () => {
    expect(await turns(5, { name: "ios", rate: { perMinute: 30, burst: 3 } })).toEqual([0, 0, 0, 2_000, 4_000]);
  });

  test("of a device and of its site, the slower one counts", async () => {
    const device = { name: "r1", rate: { perMinute: 600, burst: 1 } };
    const site = { name: "site", rate: { perMinute: 60, burst: 2 } };
    expect(await turns(4, device, site)).toEqual([0, 100, 1_000, 2_000]);
  });

  test("who would wait for more than a minute is refused, and takes nobody's turn", async () => {
    const at = await turns(4, { name: "slow", rate: { perMinute: 1, burst: 1 } });
    expect(at).toEqual([0, "CONNECT_RATE_LIMITED", "CONNECT_RATE_LIMITED", 60_000]);
  });

  test("who gives up while waiting is told so", async () => {
    const clock = createHandClock();
    const rates = createConnectRates(clock, 60_000);
    const abort = new AbortController();
    const place = [{ name: "xr", rate: { perMinute: 60, burst: 1 } }];
    await rates.turn(place);
    const waiting = rates.turn(place, abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ reason: "CANCELLED" });
  });
});
