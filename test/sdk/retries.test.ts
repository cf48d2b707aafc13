import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Pointsman, UnavailableError } from "@pointsman/sdk";
import { jobId } from "./scripted-job.js";
import { serviceError } from "./scripted-server.js";
import { startWithClient, thrownBy } from "./services.js";

describe("retries", () => {
  it("keep the request id that the client filled in, also over a lost connection", async () => {
    const seen: string[] = [];
    const server = await startWithClient({
      jobs: {
        async createJob(request, context) {
          seen.push(request.requestId);
          if (seen.length === 1) throw serviceError(Code.Unavailable, "STORE_UNAVAILABLE", "not now");
          if (seen.length === 2) {
            server.cut();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          }
          return { job: { id: jobId(1) }, replayed: seen.length > 3 };
        },
      },
    });
    const job = await server.client.jobs.create({ device: "r1", commands: ["show version"] });
    expect(job).toMatchObject({ id: jobId(1), replayed: false });
    expect(seen).toHaveLength(3);
    expect(seen[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(seen).size).toBe(1);
  });

  it("are given a fresh request id by every call, and the caller's own when there is one", async () => {
    const seen: string[] = [];
    const { client } = await startWithClient({
      jobs: {
        createJob(request) {
          seen.push(request.requestId);
          return { job: {} };
        },
      },
    });
    const job = { device: "r1", commands: ["show version"] };
    await client.jobs.create(job);
    await client.jobs.create(job);
    await client.jobs.create(job, { requestId: "mine" });
    expect(new Set(seen).size).toBe(3);
    expect(seen[2]).toBe("mine");
  });

  it("repeat reads, and never what is not safe to repeat", async () => {
    let reads = 0;
    let writes = 0;
    const unavailable = (): never => {
      throw serviceError(Code.Unavailable, "STORE_UNAVAILABLE", "not now");
    };
    const { client } = await startWithClient({
      jobs: { getJob: () => (++reads < 3 ? unavailable() : { job: { id: jobId(1) } }) },
      devices: {
        deleteDevice() {
          writes++;
          return unavailable();
        },
      },
    });
    await client.jobs.get(jobId(1));
    expect(reads).toBe(3);
    expect(await thrownBy(client.devices.delete("r1"))).toBeInstanceOf(UnavailableError);
    expect(writes).toBe(1);
  });

  it("end after the attempts allowed, and after the first for errors that stay", async () => {
    let calls = 0;
    let code: Code = Code.Unavailable;
    const { client } = await startWithClient(
      {
        jobs: {
          countJobs() {
            calls++;
            throw serviceError(code, "ANY", "no");
          },
        },
      },
      { retry: { maxAttempts: 3, initialMs: 1, maxMs: 2 } },
    );
    await thrownBy(client.jobs.count());
    expect(calls).toBe(3);
    for (code of [Code.Internal, Code.ResourceExhausted, Code.Aborted, Code.FailedPrecondition]) {
      calls = 0;
      await thrownBy(client.jobs.count());
      expect(calls, Code[code]).toBe(1);
    }
  });

  it("wait as long as the service says, and not at all past the deadline", async () => {
    const at: number[] = [];
    let retryAfterMs = 120;
    const { client } = await startWithClient({
      jobs: {
        countJobs() {
          at.push(performance.now());
          throw serviceError(Code.ResourceExhausted, "BUSY", "later", { retryAfterMs });
        },
      },
    });
    await thrownBy(client.jobs.count({}, { timeoutMs: 120_000 }));
    expect(at).toHaveLength(4);
    // The client's timers may fire a millisecond early; never much earlier than the service asked.
    expect(at[1]! - at[0]!).toBeGreaterThan(115);
    at.length = 0;
    retryAfterMs = 600_000;
    const error = await thrownBy(client.jobs.count({}, { timeoutMs: 120_000 }));
    expect(at).toHaveLength(1);
    expect(error).toMatchObject({ code: "resource_exhausted", retryAfterMs: 600_000 });
  });

  it.each([undefined, new Error("no longer wanted")])(
    "end with the call when its signal aborts during a pause: %s",
    async (reason) => {
      const stop = new AbortController();
      const busy = (): Promise<never> => {
        // What is awaited at once comes before what is set for later: the pause has begun by then.
        setImmediate(() => stop.abort(reason));
        return Promise.reject(serviceError(Code.ResourceExhausted, "BUSY", "later", { retryAfterMs: 20_000 }));
      };
      const client = new Pointsman({ transport: { unary: busy, stream: busy } });
      expect(await thrownBy(client.jobs.count({}, { signal: stop.signal }))).toMatchObject({ code: "canceled" });
    },
  );
});
