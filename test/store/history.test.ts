import { expect, test } from "vitest";
import { claimOne, newJob, reopen, worker } from "../support/jobs.js";
import { openTestStore } from "../support/store.js";

const w1 = worker("w1");
const change = { effectClass: "AT_MOST_ONCE" } as const;

test("a process that has followed another history is not taken for what it was, until journals are told", async () => {
  const at = await openTestStore({ extraArgs: ["--enable-debug-command", "yes"] });
  const told = async (name: string): Promise<string | undefined> =>
    new RegExp(`${name}:(\\w+)`).exec(await at.redis.info())?.[1];
  try {
    await at.store.leases.register(w1);
    await at.store.jobs.create(newJob(at.time.now, change));
    const holder = (await claimOne(at.store, w1))!;
    const [process, history] = [await told("run_id"), await told("master_replid")];
    // As a replica does that is made a primary, or a primary that follows another for a while.
    await at.redis.call("DEBUG", "CHANGE-REPL-ID");
    expect(await told("run_id")).toBe(process);
    expect(await told("master_replid")).not.toBe(history);
    await expect(at.store.leases.intent(holder, 1)).rejects.toMatchObject({ reason: "STORE_RECONCILING" });
    await reopen(at.store, [w1], at.time);
    expect(await at.store.leases.intent(holder, 1)).toMatchObject({ answer: "OK" });
  } finally {
    await at.close();
  }
});
