import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { isFinal, Pointsman, PointsmanError, UnavailableError, type JobWatchItem } from "@pointsman/sdk";
import { JobService, JobState } from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { createScriptedJob, jobId, type ScriptedJob } from "./scripted-job.js";
import { startScriptedServer, type ScriptedServer } from "./scripted-server.js";
import { afterwards } from "./services.js";

async function serve(job: ScriptedJob, port = 0): Promise<ScriptedServer> {
  const server = await startScriptedServer(
    (router) => router.service(JobService, { watchJob: job.watchJob, getJob: job.getJob }),
    port,
  );
  afterwards(() => server.close());
  return server;
}

function connect(server: { url: string }): Pointsman {
  const client = new Pointsman({ baseUrl: server.url, retry: { initialMs: 1, maxMs: 5, maxAttempts: 3 } });
  afterwards(() => client.close());
  return client;
}

function numbers(items: readonly JobWatchItem[]): number[] {
  return items.flatMap((item) => (item.kind === "event" ? [item.event.number] : []));
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe("watching one job", () => {
  it("sends a snapshot, the history, synced, what happens then, and ends with the job", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ log: "one" });
    job.append({ log: "two" });
    const client = connect(await serve(job));
    const seen: string[] = [];
    for await (const item of client.jobs.watch(job.id)) {
      seen.push(item.kind);
      if (item.kind === "synced") job.append({ state: JobState.SUCCEEDED });
    }
    expect(seen).toEqual(["snapshot", "event", "event", "synced", "event"]);
  });

  it("yields every event number exactly once and in order, wherever the connection is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(40), how: fc.constantFrom("fin" as const, "rst" as const) }), { maxLength: 6 }),
        fc.nat(20),
        fc.boolean(),
        async (cuts, before, forget) => {
          const job = createScriptedJob(jobId(1));
          for (let index = 0; index < before; index++) job.append({ log: "before" });
          const server = await serve(job);
          const client = connect(server);
          const items: JobWatchItem[] = [];
          const pending = [...cuts].sort((a, b) => a.at - b.at);
          for await (const item of client.jobs.watch(job.id)) {
            items.push(item);
            if (job.history.length < 40) job.append({ log: `event ${job.history.length + 1}` });
            else if (!isFinal(job.job().state)) job.append({ state: JobState.SUCCEEDED });
            while (pending[0] && pending[0].at <= items.length) {
              if (forget) job.forgetHistory();
              server.cut(pending.shift()!.how);
            }
          }
          expect(numbers(items)).toEqual(upTo(job.history.length));
          expect(items.filter((item) => item.kind === "synced")).toHaveLength(1);
          client.close();
          await server.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it("goes on from its cursor on another server at the same address", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ log: "one" });
    const first = await serve(job, await freePort());
    const client = connect(first);
    const items: JobWatchItem[] = [];
    let restarted: Promise<void> | undefined;
    for await (const item of client.jobs.watch(job.id)) {
      items.push(item);
      if (item.kind !== "synced") continue;
      restarted = first.close().then(async () => {
        job.append({ state: JobState.FAILED });
        const second = await startScriptedServer(
          (router) => router.service(JobService, { watchJob: job.watchJob }),
          first.port,
        );
        afterwards(() => second.close());
      });
    }
    await restarted;
    expect(numbers(items)).toEqual([1, 2]);
    expect(job.watches.at(-1)?.cursor).toBe("1:1");
  });

  it("starts again from a snapshot when the history is gone, and repeats no event", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ log: "one" });
    job.append({ log: "two" });
    const server = await serve(job);
    const client = connect(server);
    const items: JobWatchItem[] = [];
    for await (const item of client.jobs.watch(job.id)) {
      items.push(item);
      if (item.kind !== "synced") continue;
      job.forgetHistory();
      job.append({ log: "three" });
      job.append({ state: JobState.SUCCEEDED });
      server.cut();
    }
    expect(numbers(items)).toEqual([1, 2, 3, 4]);
    expect(items.filter((item) => item.kind === "snapshot")).toHaveLength(2);
  });

  it("misses nothing behind its snapshot when it leaves out the history and is cut at once", async () => {
    const job = createScriptedJob(jobId(1));
    job.append({ log: "one" });
    job.append({ log: "two" });
    const server = await serve(job);
    const client = connect(server);
    const items: JobWatchItem[] = [];
    for await (const item of client.jobs.watch(job.id, { skipHistory: true })) {
      items.push(item);
      if (items.length > 1) continue;
      server.cut();
      job.append({ log: "three" });
      job.append({ state: JobState.SUCCEEDED });
    }
    expect(numbers(items)).toEqual([3, 4]);
  });

  it("resumes when not even a heartbeat comes", async () => {
    const job = createScriptedJob(jobId(1), { heartbeats: false });
    const client = connect(await serve(job));
    const cuts: string[] = [];
    const watch = client.jobs.watch(job.id, {
      heartbeatMs: 20,
      onReconnect: (_, error) => {
        cuts.push(error.message);
        if (cuts.length === 2) job.append({ state: JobState.SUCCEEDED });
      },
    });
    const items: JobWatchItem[] = [];
    for await (const item of watch) items.push(item);
    expect(cuts[0]).toContain("not even a heartbeat");
    expect(numbers(items)).toEqual([1]);
  });

  it("is kept by heartbeats alone, for longer than the silence it would bear", async () => {
    const beatsOfAnUncutWatch = async (): Promise<number> => {
      const job = createScriptedJob(jobId(1));
      let beats = 0;
      const server = await startScriptedServer((router) =>
        router.service(JobService, {
          async *watchJob(request, context) {
            for await (const message of job.watchJob(request, context)) {
              if (message.item?.case === "heartbeat" && ++beats === 10) job.append({ state: JobState.SUCCEEDED });
              yield message;
            }
          },
        }),
      );
      afterwards(() => server.close());
      let cuts = 0;
      const client = connect(server);
      for await (const item of client.jobs.watch(job.id, { heartbeatMs: 200, onReconnect: () => cuts++ })) {
        expect(["snapshot", "synced", "event"]).toContain(item.kind);
      }
      return cuts === 0 ? beats : 0;
    };
    // A machine that stands still for a moment cuts a watch rightly; one that heartbeats do not keep is always cut.
    await eventually(async () => expect(await beatsOfAnUncutWatch()).toBeGreaterThanOrEqual(10), 120_000);
  });

  it("ends the call on the server when the loop is left", async () => {
    const job = createScriptedJob(jobId(1));
    const client = connect(await serve(job));
    for await (const item of client.jobs.watch(job.id)) {
      expect(job.open.count).toBe(1);
      if (item.kind === "synced") break;
    }
    await eventually(() => expect(job.open.count).toBe(0));
    expect(job.watches).toHaveLength(1);
  });

  it("ends with a canceled error when its signal aborts, and when the client is closed", async () => {
    const job = createScriptedJob(jobId(1));
    const client = connect(await serve(job));
    const stop = new AbortController();
    const watching = (async () => {
      for await (const item of client.jobs.watch(job.id, { signal: stop.signal }))
        if (item.kind === "synced") stop.abort();
    })();
    await expect(watching).rejects.toMatchObject({ code: "canceled" });
    const closed = (async () => {
      for await (const item of client.jobs.watch(job.id)) if (item.kind === "synced") client.close();
    })();
    await expect(closed).rejects.toMatchObject({ code: "canceled" });
    await eventually(() => expect(job.open.count).toBe(0));
    await expect(client.jobs.get(job.id)).rejects.toThrow("the client is closed");
  });

  it("gives up on a service that was never there", async () => {
    const job = createScriptedJob(jobId(1));
    const server = await serve(job, await freePort());
    await server.close();
    const watching = connect(server).jobs.watch(job.id).next();
    await expect(watching).rejects.toBeInstanceOf(UnavailableError);
  });

  it("waits for the end of a job and answers with the whole of it", async () => {
    const job = createScriptedJob(jobId(1));
    const server = await serve(job);
    const client = connect(server);
    const waiting = client.jobs.wait(job.id);
    await eventually(() => expect(job.open.count).toBe(1));
    server.cut();
    job.append({ state: JobState.INDETERMINATE });
    expect((await waiting).state).toBe(JobState.INDETERMINATE);
  });

  it("waits through a restart of the service that takes longer than a few attempts", async () => {
    const job = createScriptedJob(jobId(1));
    const first = await serve(job, await freePort());
    const client = connect(first);
    const waiting = client.jobs.wait(job.id);
    await eventually(() => expect(job.open.count).toBe(1));
    let restarted: Promise<unknown> | undefined;
    const cuts: number[] = [];
    const running = client.jobs.wait(job.id, {
      onReconnect: (count) => {
        cuts.push(count);
        // Four times as often as a service that never answered is tried.
        if (count === 12) {
          job.append({ state: JobState.SUCCEEDED });
          restarted = serve(job, first.port);
        }
      },
    });
    await eventually(() => expect(job.open.count).toBe(2));
    await first.close();
    expect((await running).state).toBe(JobState.SUCCEEDED);
    expect((await waiting).state).toBe(JobState.SUCCEEDED);
    expect(cuts).toContain(12);
    await restarted;
  });

  it("gives up waiting for a service that was never there", async () => {
    const job = createScriptedJob(jobId(1));
    const server = await serve(job, await freePort());
    await server.close();
    await expect(connect(server).jobs.wait(job.id)).rejects.toBeInstanceOf(UnavailableError);
  });

  it("tries a cut watch again however long it had been silent before", async () => {
    const job = createScriptedJob(jobId(1));
    const server = await serve(job);
    const client = new Pointsman({ baseUrl: server.url, retry: { initialMs: 1, maxMs: 5, reconnectMs: 300 } });
    afterwards(() => client.close());
    const waiting = client.jobs.wait(job.id);
    await eventually(() => expect(job.open.count).toBe(1));
    const now = performance.now.bind(performance);
    const silence = vi.spyOn(performance, "now").mockImplementation(() => now() + 400);
    afterwards(() => silence.mockRestore());
    server.cut();
    await eventually(() => expect(job.open.count).toBe(1));
    job.append({ state: JobState.SUCCEEDED });
    expect((await waiting).state).toBe(JobState.SUCCEEDED);
  });

  it("stops waiting after its timeout and says so, and leaves no call behind", async () => {
    const job = createScriptedJob(jobId(1));
    const client = connect(await serve(job));
    const error: unknown = await client.jobs.wait(job.id, { timeoutMs: 80 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PointsmanError);
    expect(error).toMatchObject({ code: "deadline_exceeded" });
    await eventually(() => expect(job.open.count).toBe(0));
  });
});
