import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session, SessionPool } from "../../src/device/index.js";
import { type Bird, hasBird, startBird } from "../support/bird.js";
import { systemClock } from "../../src/system/clock.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { eventually } from "../support/eventually.js";
import { hasOpenSsh, type OpenSshServer, startOpenSsh } from "../support/openssh.js";

const canRun = hasOpenSsh() && hasBird();

describe.skipIf(!canRun)("BIRD's birdc behind OpenSSH (needs openssh-server and bird2)", () => {
  let bird: Bird;
  let server: OpenSshServer;
  let sessions: SessionPool;
  let session: Session;

  const old = ["10.1.0.0/24"];
  const next = [...old, "10.2.0.0/24"];

  beforeAll(async () => {
    bird = await startBird(old);
    server = await startOpenSsh([`ForceCommand ${bird.forceCommand}`]);
    sessions = pool();
    const { username, privateKey, port, hostKey } = server;
    session = await sessions.checkout(
      endpoint(port, hostKey, { platform: platform("bird"), account: { username, privateKey } }),
    );
  });
  afterAll(async () => {
    await sessions?.close();
    await server?.stop();
    await bird?.stop();
  });

  const routes = async (): Promise<string[]> => {
    const { output } = await run(session, "show route");
    return [...output.matchAll(/^(\S+\/\d+) /gm)].map(([, network]) => network ?? "");
  };

  test("every command gets its own answer, though the prompt comes back before it", async () => {
    for (let round = 0; round < 10; round++) {
      expect((await run(session, "show status")).output).toMatch(/^BIRD [^]*Daemon is up and running\n$/);
      expect(await routes()).toEqual(old);
      expect((await run(session, "show protocols s1")).output).toMatch(/^Name [^]*s1 +Static[^]*\n$/);
    }
    expect(session.prompt).toBe("bird> ");
  });

  test("however long the daemon takes, the prompt that is shown meanwhile is not the end", async () => {
    bird.pause();
    const resumed = systemClock.sleep(600).then(() => bird.resume());
    const { output } = await run(session, "show route");
    await resumed;
    expect(output).toContain("10.1.0.0/24");
    expect(await routes()).toEqual(old);
  });

  test("what it does not understand, or has nothing to do for, is rejected with its words", async () => {
    for (const [command, words] of [
      ["fuu", "No such command. Press `?' for help."],
      ["show protocols nonsense", expect.stringContaining("syntax error, unexpected")],
      ["configure confirm", "Nothing to do"],
      ['configure check "/nowhere"', "/nowhere: No such file or directory"],
    ] as const) {
      expect(await run(session, command)).toMatchObject({ status: "rejected", errorLines: [words] });
    }
    expect((await run(session, "show status")).status).toBe("ok");
  });

  test("a file is checked without being taken", async () => {
    const good = await bird.configuration(next, "good.conf");
    const bad = await bird.configuration(["10.2.0.0/99"], "bad.conf");
    expect(await run(session, `configure check "${good}"`)).toMatchObject({
      status: "ok",
      output: expect.stringMatching(/Configuration OK\n$/) as string,
    });
    expect(await run(session, `configure check "${bad}"`)).toMatchObject({
      status: "rejected",
      errorLines: [expect.stringContaining("bad.conf:4:")],
    });
    expect(await routes()).toEqual(old);
  });

  test("a reconfiguration under a timer is taken back when nobody confirms", async () => {
    await bird.configuration(next);
    const { status, output } = await run(session, "configure timeout 1");
    expect({ status, output }).toMatchObject({
      status: "ok",
      output: expect.stringContaining("Undo scheduled in 1 s"),
    });
    await eventually(async () => expect(await routes()).toEqual(old));
  });

  test("confirmed in another session it stays, and undo takes it back by hand", async () => {
    await bird.configuration(next);
    await run(session, "configure timeout 300");
    const { username, privateKey, port, hostKey } = server;
    const account = { username, privateKey };
    const other = await sessions.checkout(endpoint(port, hostKey, { platform: platform("bird"), account }), {
      fresh: true,
    });
    expect(await run(other, "configure confirm")).toMatchObject({
      status: "ok",
      output: "Reconfiguration confirmed\n",
    });
    sessions.checkin(other);
    expect(await routes()).toEqual(next);
    expect((await run(session, "configure undo")).status).toBe("ok");
    await eventually(async () => expect(await routes()).toEqual(old));
  });
});
