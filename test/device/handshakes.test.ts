import { describe, expect, test } from "vitest";
import { createHandshakes } from "../../src/device/handshakes.js";
import { createHandClock } from "../support/hand-clock.js";

/** As many who want in as a test asks for; nobody leaves but when told. */
function crowd(options: { most?: number } = {}) {
  const clock = createHandClock();
  const loop = { lateMs: 0 };
  const handshakes = createHandshakes({ clock, loopP99Ms: () => loop.lateMs, ...options });
  const inside: (() => void)[] = [];
  const come = (count: number, signal?: AbortSignal): void => {
    for (let i = 0; i < count; i++) {
      void handshakes.enter(signal).then(
        (leave) => inside.push(leave),
        () => undefined,
      );
    }
  };
  const leave = (count: number): void => {
    for (const go of inside.splice(0, count)) go();
  };
  return { clock, loop, inside, come, leave };
}

describe("connections that are set up at once", () => {
  test("are 32, and more while others wait and the event loop is on time, up to the bound", async () => {
    const { clock, inside, come } = crowd();
    come(1_000);
    await clock.turn();
    expect(inside).toHaveLength(32);
    await clock.advance(100);
    expect(inside).toHaveLength(40);
    await clock.advance(900);
    expect(inside).toHaveLength(112);
    await clock.advance(60_000);
    expect(inside).toHaveLength(256);
  });

  test("never exceed what is configured", async () => {
    const { clock, inside, come, leave } = crowd({ most: 5 });
    come(20);
    await clock.advance(10_000);
    expect(inside).toHaveLength(5);
    leave(2);
    await clock.advance(10_000);
    expect(inside).toHaveLength(5);
  });

  test("are 32 again when the event loop is late, and one when it is very late", async () => {
    const { clock, loop, inside, come, leave } = crowd();
    come(1_000);
    await clock.advance(1_000);
    expect(inside).toHaveLength(112);
    loop.lateMs = 50;
    await clock.advance(100);
    leave(90);
    await clock.turn();
    expect(inside).toHaveLength(32);
    loop.lateMs = 201;
    await clock.advance(100);
    leave(31);
    await clock.advance(10_000);
    expect(inside).toHaveLength(1);
    leave(1);
    await clock.turn();
    expect(inside).toHaveLength(1);
    loop.lateMs = 0;
    await clock.advance(100);
    expect(inside).toHaveLength(40);
  });

  test("are one when somebody comes while the event loop is very late", async () => {
    const { clock, loop, inside, come } = crowd();
    loop.lateMs = 1_000;
    come(3);
    await clock.turn();
    expect(inside).toHaveLength(1);
  });

  test("begin with 32 after nobody waited, and who gives up takes no place", async () => {
    const { clock, inside, come, leave } = crowd();
    const abort = new AbortController();
    come(100);
    come(100, abort.signal);
    await clock.advance(500);
    expect(inside).toHaveLength(72);
    abort.abort();
    await clock.advance(1_000);
    expect(inside).toHaveLength(100);
    leave(100);
    await clock.advance(1_000);
    come(100);
    await clock.turn();
    expect(inside).toHaveLength(32);
  });
});
