import { toJsonString } from "@bufbuild/protobuf";
import { type ConnectError } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { type JobEvent, JobEventSchema, type WatchJobResponse } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { isJobId } from "../../domain/job-id.js";
import { invalidRequest, toProblem } from "../../errors.js";
import type { Store } from "../../store/store.js";
import { watchJob } from "../jobs/job-watch.js";
import type { CallSubject } from "../calls/call-context.js";
import type { AnyRequest, AnyResponse } from "./one-port-server.js";
import { leaveBody, writeHead } from "./protocol.js";
import { drained, isGone } from "./send-answer.js";

const eventPath = /^\/v1\/jobs\/([^/]+)\/events$/;

/** The path as it is named where no job may be. */
export const eventStreamPattern = "/v1/jobs/{id}/events";

/** Names of the events by what they hold. */
const names: Readonly<Record<NonNullable<JobEvent["event"]["case"]>, string>> = {
  stateChanged: "state",
  output: "output",
  commandStarted: "command",
  commandEnded: "command",
  log: "log",
  resolved: "resolved",
  cancelRequested: "cancel",
  progress: "progress",
};

/** The job that a path asks the events of; undefined for other paths. */
export function eventStreamJob(path: string): string | undefined {
  return eventPath.exec(path)?.[1];
}

/**
 * A job's events as server-sent events, for `curl -N` and browsers: what WatchJob sends, with the cursor as `id`, so
 * that Last-Event-ID resumes; heartbeats as comments; `close` at the end. A stream that ends without `close` is to be
 * resumed; `failure` says why, where there is time for it. Throws problems until the first event is out; returns the one
 * that ended it after that.
 */
export async function answerEventStream(
  parts: { readonly store: Store; readonly clock: Clock },
  request: AnyRequest,
  response: AnyResponse,
  call: {
    readonly id: string;
    readonly requestId: string;
    readonly signal: AbortSignal;
    readonly subject: CallSubject;
  },
): Promise<ConnectError | undefined> {
  if (!isJobId(call.id)) throw invalidRequest({ field: "id", description: "is no job id" });
  call.subject.job = call.id;
  const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
  const lastId = request.headers["last-event-id"];
  const cursor = (typeof lastId === "string" ? lastId : "") || (query.get("cursor") ?? "");
  if (cursor.length > 256) throw invalidRequest({ field: "cursor", description: "is no cursor" });
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, call.signal]);
  const sights = watchJob(parts, { id: call.id, cursor, skipHistory: false, kinds: [] }, signal);
  let last = cursor;
  let begun = false;
  try {
    for await (const sight of sights) {
      if (!begun) {
        begun = true;
        leaveBody(request, response);
        writeHead(response, 200, {
          "content-type": "text/event-stream; charset=utf-8",
          "cache-control": "no-store",
          "x-accel-buffering": "no",
        });
      }
      last = sight.cursor;
      if (!write(response, render(sight))) await drained(response);
      if (isGone(response)) return undefined;
    }
    write(response, `event: close\nid: ${last}\ndata: {}\n\n`);
    response.end();
    return undefined;
  } catch (thrown) {
    if (!begun) throw thrown;
    if (gone.signal.aborted) return undefined;
    const error = toProblem(thrown, { requestId: call.requestId, unexpected: () => undefined });
    write(response, `event: failure\ndata: ${JSON.stringify(errorToJson(error, undefined))}\n\n`);
    response.end();
    return error;
  }
}

function render(sight: WatchJobResponse): string {
  switch (sight.item.case) {
    case "event": {
      const event = sight.item.value;
      const name = event.event.case ? names[event.event.case] : "message";
      return `id: ${sight.cursor}\nevent: ${name}\ndata: ${toJsonString(JobEventSchema, event)}\n\n`;
    }
    case "synced":
      return ": everything up to now was sent\n\n";
    default:
      return ": the watch is alive\n\n";
  }
}

function write(response: AnyResponse, text: string): boolean {
  return (response.write as (text: string) => boolean).call(response, text);
}
