import { mkdtemp, rm } from "node:fs/promises";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { Pointsman, type PointsmanOptions, UnavailableError } from "@pointsman/sdk";
import { afterEach, describe, expect, it, vi } from "vitest";
import { makeCertificate } from "../support/certificate.js";
import { eventually } from "../support/eventually.js";
import { jobId } from "./scripted-job.js";
import { type ScriptedServer, serviceError } from "./scripted-server.js";
import { afterwards, type Services, startServices, thrownBy } from "./services.js";

afterEach(() => vi.unstubAllEnvs());

/** Servers that note which of them was asked. */
async function startSeveral(count: number, services: (who: number) => Services) {
  const servers: ScriptedServer[] = [];
  for (let who = 0; who < count; who++) servers.push(await startServices(services(who)));
  const client = (options: PointsmanOptions = {}): Pointsman => {
    const one = new Pointsman({
      baseUrl: servers.map(({ url }) => url),
      retry: { initialMs: 1, maxMs: 4 },
      ...options,
    });
    afterwards(() => one.close());
    return one;
  };
  return { servers, client };
}

describe("several servers", () => {
  it("are asked in turn", async () => {
    const asked = [0, 0, 0];
    const { client } = await startSeveral(3, (who) => ({
      jobs: { getJob: () => (asked[who]!++, { job: { id: jobId(1) } }) },
    }));
    const { jobs } = client();
    for (let i = 0; i < 30; i++) await jobs.get(jobId(1));
    expect(asked).toEqual([10, 10, 10]);
  });

  it("take over the calls of one that is gone, and it is left alone meanwhile", async () => {
    const asked = [0, 0];
    const { servers, client } = await startSeveral(2, (who) => ({
      jobs: { getJob: () => (asked[who]!++, { job: { id: jobId(1) } }) },
      devices: { deleteDevice: () => (asked[who]!++, {}) },
    }));
    const { jobs, devices } = client();
    await jobs.get(jobId(1));
    await jobs.get(jobId(1));
    await servers[0]!.close();
    for (let i = 0; i < 20; i++) await jobs.get(jobId(1));
    expect(asked).toEqual([1, 21]);
    // A call that may not be repeated goes on as well: the server that is not there has not begun it.
    await client().devices.delete("r1");
    await client().devices.delete("r1");
    await devices.delete("r1");
    expect(asked).toEqual([1, 24]);
  });

  it("take over the calls of one whose certificate is not trusted, or that speaks no TLS", async () => {
    const dir = await mkdtemp(join(tmpdir(), "certificate-"));
    afterwards(() => rm(dir, { recursive: true }));
    const stranger = http2.createSecureServer(await makeCertificate(dir, "stranger"));
    await new Promise<void>((listens) => stranger.listen(0, "127.0.0.1", listens));
    afterwards(() => void stranger.close());
    const { servers, client } = await startSeveral(1, () => ({ devices: { deleteDevice: () => ({}) } }));
    const clear = servers[0]!.url;
    for (const lost of [
      `https://127.0.0.1:${(stranger.address() as AddressInfo).port}`,
      clear.replace("http:", "https:"),
    ]) {
      for (let i = 0; i < 4; i++) await client({ baseUrl: [lost, clear] }).devices.delete("r1");
      expect(await thrownBy(client({ baseUrl: lost }).devices.delete("r1"))).toBeInstanceOf(UnavailableError);
    }
  });

  it("keep the request id of a create whose server was lost in the middle of it", async () => {
    const ids: string[] = [];
    const { servers, client } = await startSeveral(2, (who) => ({
      jobs: {
        async createJob({ requestId }, context) {
          ids.push(requestId);
          if (ids.length === 1) {
            servers[who]!.cut();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          }
          return { job: { id: jobId(1) } };
        },
      },
    }));
    await client().jobs.create({ device: "r1", commands: ["reload"] });
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
  });

  it("are not asked again for what may have been done and may not be done twice, nor when retries are off", async () => {
    let writes = 0;
    const { servers, client } = await startSeveral(2, (who) => ({
      devices: {
        async deleteDevice(_, context) {
          writes++;
          servers[who]!.cut();
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          return {};
        },
      },
      jobs: {
        async getJob(_, context) {
          writes++;
          servers[who]!.cut();
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          return {};
        },
      },
    }));
    expect(await thrownBy(client().devices.delete("r1"))).toBeInstanceOf(UnavailableError);
    expect(writes).toBe(1);
    expect(await thrownBy(client({ retry: false }).jobs.get(jobId(1)))).toBeInstanceOf(UnavailableError);
    expect(writes).toBe(2);
  });

  it("leave one alone that says it is stopping, and come back to it", async () => {
    const asked = [0, 0];
    let stopping = true;
    const { client } = await startSeveral(2, (who) => ({
      jobs: {
        getJob() {
          asked[who]!++;
          if (who === 0 && stopping)
            throw serviceError(Code.Unavailable, "SHUTTING_DOWN", "stopping", { retryAfterMs: 0 });
          return { job: { id: jobId(1) } };
        },
      },
    }));
    // Half a second later it is rightly asked again: a machine that stands still for so long has another try.
    const { jobs } = await eventually(async () => {
      asked.fill(0);
      const one = client();
      for (let i = 0; i < 10; i++) await one.jobs.get(jobId(1));
      expect(asked).toEqual([1, 10]);
      return one;
    }, 120_000);
    stopping = false;
    while (asked[0]! < 5) await jobs.get(jobId(1));
  });

  it("are all asked when the store is away, which is the fault of none of them", async () => {
    const asked = [0, 0];
    const { client } = await startSeveral(2, (who) => ({
      jobs: {
        getJob() {
          asked[who]!++;
          throw serviceError(Code.Unavailable, "STORE_UNAVAILABLE", "not now");
        },
      },
    }));
    expect(await thrownBy(client().jobs.get(jobId(1)))).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(asked).toEqual([2, 2]);
  });

  it("take over a watch from its cursor", async () => {
    const cursors: string[] = [];
    const event = (number: number) => ({
      item: { case: "event" as const, value: { number, event: { case: "log" as const, value: { message: "m" } } } },
      cursor: `c${number}`,
    });
    const { servers, client } = await startSeveral(2, (who) => ({
      jobs: {
        async *watchJob({ cursor }, context) {
          cursors.push(cursor);
          if (cursor === "") {
            yield { item: { case: "snapshot", value: { id: jobId(1), state: 3 } }, cursor: "" };
            yield event(1);
            yield event(2);
            setImmediate(() => void servers[who]!.close());
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          }
          for (const number of [3, 4]) yield event(number);
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        },
      },
    }));
    const numbers: number[] = [];
    const cuts: number[] = [];
    for await (const item of client().jobs.watch(jobId(1), { onReconnect: (count) => cuts.push(count) })) {
      if (item.kind === "event") numbers.push(item.event.number);
      if (numbers.length === 4) break;
    }
    expect(numbers).toEqual([1, 2, 3, 4]);
    expect(cursors).toEqual(["", "c2"]);
    expect(cuts).toEqual([1]);
  });

  it("are named by a list, or by commas, also in the environment; what is no URL is refused", async () => {
    const { servers } = await startSeveral(2, () => ({ jobs: { getJob: () => ({ job: { id: jobId(1) } }) } }));
    vi.stubEnv("POINTSMAN_URL", servers.map(({ url }) => url).join(", "));
    const client = new Pointsman();
    afterwards(() => client.close());
    expect((await client.jobs.get(jobId(1))).id).toBe(jobId(1));
    expect(() => new Pointsman({ baseUrl: [] })).toThrow(TypeError);
    expect(() => new Pointsman({ baseUrl: "http://a:1,nonsense" })).toThrow(/nonsense/);
  });
});

it("a call that a closing connection refuses is a lost connection, and goes on elsewhere whatever it is", async () => {
  // Node's server does this with what comes over a connection that it closes.
  const going = http2.createServer();
  going.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  });
  await new Promise<void>((resolve) => going.listen(0, "127.0.0.1", resolve));
  afterwards(() => going.close());
  const there = await startServices({ devices: { deleteDevice: () => ({}) } });
  const { port } = going.address() as AddressInfo;
  const alone = new Pointsman({ baseUrl: `http://127.0.0.1:${port}`, retry: false });
  afterwards(() => alone.close());
  expect(await thrownBy(alone.devices.delete("r1"))).toBeInstanceOf(UnavailableError);
  for (let i = 0; i < 2; i++) {
    const both = new Pointsman({ baseUrl: [`http://127.0.0.1:${port}`, there.url], retry: { initialMs: 1, maxMs: 4 } });
    afterwards(() => both.close());
    await both.devices.delete("r1");
    await both.devices.delete("r1");
  }
});
