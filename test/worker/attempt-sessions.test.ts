import { expect, test } from "vitest";
import type { Transport } from "../../src/device/transport.js";
import { createAttemptSessions } from "../../src/worker/attempt-sessions.js";
import { endpoint, platform, pool } from "../support/device-engine.js";
import { claimOf, storeAway } from "./one-attempt.js";

const transport: Transport = {
  hostKey: { type: "t", line: "t k", fingerprint: "f" },
  ...{ hostKeyIsNew: false, remoteVersion: "", connectMs: 0, authMs: 0, closed: false },
  openShell: () => Promise.reject(new Error("no terminal here")),
  exec: () => Promise.reject(new Error("no command here")),
  onClose: () => undefined,
  close: () => Promise.resolve(),
};

test("a session for which the rules cannot be asked is not left open: it would count among those that may be", async () => {
  const sessions = pool({ connect: () => Promise.resolve(transport) });
  const place = endpoint(22, "t k", { platform: platform("linux"), limits: { maxSessions: 1 } });
  let isAway = true;
  const taken = createAttemptSessions({
    ...{ pool: sessions, job: claimOf().job, lifted: [], early: undefined, transcript: undefined },
    endpoint: { ...place, zone: "default", exclusive: "10.0.0.1:22", labels: {} },
    commandRules: () => (isAway ? Promise.reject(storeAway()) : Promise.resolve([])),
    ...{ signal: new AbortController().signal, beforeWrite: () => undefined, hasBegun: () => true },
  });
  await expect(taken.checkout({ fresh: true })).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
  expect(sessions.size).toBe(0);
  isAway = false;
  await taken.checkout({ fresh: true });
  expect(taken.giveBack(true)).toBe(true);
  expect(sessions.idle).toBe(1);
  await sessions.close();
});
