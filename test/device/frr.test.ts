import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTranscript, replayTranscript, type Endpoint, type SessionPool } from "../../src/device/index.js";
import { systemClock } from "../../src/system/clock.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { hasFrr, startFrr, type Frr } from "../support/frr.js";
import { hasOpenSsh, startOpenSsh, type OpenSshServer } from "../support/openssh.js";

/** Without the ages of routes, which go on between two looks. */
const ageless = (text: string): string => text.replace(/\d\d:\d\d:\d\d$/gm, "--:--:--");

const canRun = hasOpenSsh() && hasFrr();

describe.skipIf(!canRun)("FRRouting's vtysh behind OpenSSH (needs openssh-server, frr, and root)", () => {
  let frr: Frr;
  let server: OpenSshServer;
  let sessions: SessionPool;
  let target: Endpoint;

  beforeAll(async () => {
    // Descriptions of interfaces that do not exist cost nothing but their bytes.
    const bulk = Array.from({ length: 60 }, (_, index) => [
      `interface bulk${index}`,
      ` description ${"0123456789".repeat(340)}`,
    ]);
    frr = await startFrr("r1", bulk.flat());
    server = await startOpenSsh([`ForceCommand ${frr.forceCommand}`]);
    sessions = pool();
    target = endpoint(server.port, server.hostKey, {
      platform: platform("frr"),
      account: { username: server.username, privateKey: server.privateKey },
    });
  });
  afterAll(async () => {
    await sessions?.close();
    await server?.stop();
    await frr?.stop();
  });

  test("output is what the command line itself prints, byte for byte", async () => {
    const session = await sessions.checkout(target);
    expect(session.prompt).toBe("r1# ");
    for (const command of ["show version", "show running-config", "show ip route", "show interface", "show zebra"]) {
      const result = await run(session, command);
      expect(ageless(result.output)).toBe(ageless(await frr.vtysh(command)));
      expect(result).toMatchObject({ status: "ok", errorLines: [] });
    }
    sessions.checkin(session);
  });

  test("a rejected command says why, and the next one works", async () => {
    const session = await sessions.checkout(target);
    expect(await run(session, "shwo version")).toMatchObject({
      status: "rejected",
      errorLines: ["% Unknown command: shwo version"],
      output: "% Unknown command: shwo version\n",
    });
    // What is not understood comes back whole.
    expect((await run(session, "neighbor 10.0.0.2 password hunter2")).errorLines).toEqual([
      "% Unknown command: neighbor 10.0.0.2 password <redacted>",
    ]);
    expect((await run(session, "show version")).status).toBe("ok");
    sessions.checkin(session);
  });

  test("long output comes complete, with lines in it that look like the prompt", async () => {
    const session = await sessions.checkout(target);
    await session.enterMode("config");
    await run(session, "access-list x remark r1#");
    await run(session, "banner motd line r1# ");
    await session.enterMode("enable");
    const result = await run(session, "show running-config");
    expect(result.output.length).toBeGreaterThan(200_000);
    expect(result.output).toBe(await frr.vtysh("show running-config"));
    sessions.checkin(session);
  });

  test("the longest line there can be is found again behind its echo", async () => {
    const session = await sessions.checkout(target);
    const line = "show ".padEnd(4096, "x");
    expect((await run(session, line)).errorLines).toEqual([expect.stringMatching(/^% /)]);
    expect((await run(session, "show version")).status).toBe("ok");
    sessions.checkin(session);
  });

  test("the device renames itself in the middle and the session goes on, also out of the pool", async () => {
    const session = await sessions.checkout(target);
    await session.enterMode("config");
    expect((await run(session, "hostname edge-7")).status).toBe("ok");
    expect(session.prompt).toBe("edge-7(config)# ");
    await session.enterMode("enable");
    expect((await run(session, "show running-config")).output).toContain("hostname edge-7\n");
    sessions.checkin(session);
    const again = await sessions.checkout(target);
    expect(again.reused).toBe(true);
    expect(again.prompt).toBe("edge-7# ");
    // Not announced by any command that we know as one that renames.
    await again.enterMode("config");
    await run(again, "no hostname edge-7");
    expect(again.prompt).toBe("(null)(config)# ");
    await run(again, "hostname r1");
    await again.enterMode("enable");
    expect((await run(again, "show version")).status).toBe("ok");
    sessions.discard(again);
  });

  test("a transcript of it replays to the same result", async () => {
    const transcript = createTranscript(systemClock);
    const session = await sessions.checkout(target, { fresh: true, transcript });
    const version = await run(session, "show version");
    const wrong = await run(session, "shwo");
    sessions.checkin(session);
    const steps = [];
    for await (const step of replayTranscript(transcript.toJsonLines(), { clock: systemClock, platform }))
      steps.push(step);
    expect(steps.map(({ step, output, error }) => ({ step, output, error }))).toEqual([
      { step: "login", output: "", error: undefined },
      { step: "show version", output: version.output, error: undefined },
      { step: "shwo", output: wrong.output, error: undefined },
    ]);
    expect(steps[2]?.outcome?.errorLines).toEqual(wrong.errorLines);
  });
});
