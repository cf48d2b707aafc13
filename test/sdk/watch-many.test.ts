import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Pointsman, type JobsWatchItem } from "@pointsman/sdk";
import { JobService, type WatchJobsRequest, type WatchJobsResponse } from "@pointsman/sdk/v1";
import { eventually } from "../support/eventually.js";
import { jobId } from "./scripted-job.js";
import { serviceError, startScriptedServer } from "./scripted-server.js";
import { afterwards } from "./services.js";

type Message = { cursor: string; item: Partial<WatchJobsResponse["item"]> } | "cut" | "gone" | "end" | "hold";

/** Serves one script a call; what comes after the last script holds the call open. */
async function watching(scripts: Message[][]) {
  const requests: WatchJobsRequest[] = [];
  const open = { count: 0 };
  const server = await startScriptedServer((router) =>
    router.service(JobService, {
      async *watchJobs(request, context) {
        requests.push(request);
        open.count++;
        try {
          for (const step of scripts[requests.length - 1] ?? ["hold" as const]) {
            if (step === "end") return;
            if (step === "gone") throw serviceError(Code.OutOfRange, "HISTORY_GONE", "gone");
            if (step === "cut") throw serviceError(Code.Unavailable, "SHUTTING_DOWN", "stopping");
            if (step === "hold") await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            else yield step;
          }
        } finally {
          open.count--;
        }
      },
    }),
  );
  const client = new Pointsman({ baseUrl: server.url, retry: { initialMs: 1, maxMs: 2 } });
  afterwards(() => server.close());
  afterwards(() => client.close());
  return { client, requests, open };
}

const changed = (number: number, cursor: string): Message => ({
  cursor,
  item: { case: "changed", value: { id: jobId(number) } as never },
});
const synced = (cursor: string): Message => ({ cursor, item: { case: "synced", value: {} as never } });
const removed = (number: number, cursor: string): Message => ({
  cursor,
  item: { case: "removed", value: jobId(number) },
});

function brief(item: JobsWatchItem): string {
  if (item.kind === "changed") return `+${item.job.id.at(-1)}`;
  return item.kind === "removed" ? `-${item.id.at(-1)}` : item.kind;
}

async function take(client: Pointsman, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const item of client.jobs.watchMany({ devices: ["r1"] })) {
    seen.push(brief(item));
    if (seen.length === count) break;
  }
  return seen;
}

describe("watching many jobs", () => {
  it("resumes from its cursor, and takes a clean end for a cut: it never ends by itself", async () => {
    const { client, requests, open } = await watching([
      [changed(1, "a"), synced("b"), changed(1, "c"), "cut"],
      [removed(1, "d"), "end"],
      [changed(2, "e"), "hold"],
    ]);
    expect(await take(client, 5)).toEqual(["+1", "synced", "+1", "-1", "+2"]);
    expect(requests.map(({ cursor }) => cursor)).toEqual(["", "c", "d"]);
    expect(requests.every(({ filter }) => filter?.devices[0] === "r1")).toBe(true);
    await eventually(() => expect(open.count).toBe(0));
  });

  it("says restarted before it sends every job again, when the history is gone", async () => {
    const { client, requests } = await watching([
      [changed(1, "a"), changed(2, "b"), synced("c"), "cut"],
      ["gone"],
      [changed(2, "x"), synced("y"), changed(3, "z"), "hold"],
    ]);
    expect(await take(client, 7)).toEqual(["+1", "+2", "synced", "restarted", "+2", "synced", "+3"]);
    expect(requests.map(({ cursor }) => cursor)).toEqual(["", "c", ""]);
  });

  it("starts over when it is cut before it is synced: no cursor can name a place among the jobs there are", async () => {
    const { client, requests } = await watching([
      [changed(1, "a"), "cut"],
      [changed(1, "b"), changed(2, "c"), synced("d"), "hold"],
    ]);
    expect(await take(client, 5)).toEqual(["+1", "restarted", "+1", "+2", "synced"]);
    expect(requests.map(({ cursor }) => cursor)).toEqual(["", ""]);
  });
});
