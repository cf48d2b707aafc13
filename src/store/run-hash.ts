import { createHash } from "node:crypto";
import type { NewRun, RunEntry, RunRecord } from "../domain/run.js";
import { codesOf, type RunCounts, type RunState, stateOfCode, targetStates } from "../domain/run-state.js";

/** What never changes of a run and no script looks at, but for the schedule: JSON, in one field. */
type Body = Pick<NewRun, "creator" | "rollout" | "labels" | "retryOf" | "schedule" | "scheduledMs">;

/** A new run's body, as JSON. */
export function bodyOf({ creator, rollout, labels, retryOf, schedule, scheduledMs }: NewRun): string {
  return JSON.stringify({ creator, rollout, labels, retryOf, schedule, scheduledMs } satisfies {
    [K in keyof Body]: Body[K] | undefined;
  });
}

/** Key of a request id: it holds for the caller and the method. */
export function runRequestKey({ scope, requestId }: NonNullable<NewRun["idempotency"]>): string {
  return createHash("sha256").update(`${scope}\n${requestId}`).digest("hex").slice(0, 40);
}

/** Reads a run's hash; undefined when there is none. */
export function runOfHash(id: string, hash: ReadonlyMap<string, Buffer>): RunRecord | undefined {
  const text = (name: string): string | undefined => hash.get(name)?.toString();
  const number = (name: string): number => Number(text(name) ?? 0);
  const state = text("st");
  if (state === undefined) return undefined;
  const [end, next, retriedBy] = [text("e"), text("next"), text("rby")];
  const counts = Object.fromEntries(
    targetStates.map((name) => [name, codesOf(name).reduce((sum, code) => sum + number(`c:${code}`), 0)]),
  ) as RunCounts;
  return {
    id,
    ...(JSON.parse(text("body") ?? "{}") as Body),
    spec: hash.get("spec") ?? new Uint8Array(),
    state: state as RunState,
    counts,
    createMs: number("ct"),
    ...(end === undefined ? {} : { endMs: Number(end) }),
    reason: text("why") ?? "",
    changedBy: text("by") ?? "",
    ...(retriedBy === undefined ? {} : { retriedBy }),
    batch: number("batch"),
    ...(next === undefined ? {} : { nextMs: Number(next) }),
    forgiven: number("forgiven"),
    interrupt: text("int") === "1",
    revision: number("rev"),
    total: number("total"),
  };
}

/** Reads an entry of a run's history. */
export function entryOf(stored: string): RunEntry {
  const [kind, ...rest] = stored.split(" ");
  if (kind === "c") return { kind: "changed", timeMs: Number(rest[0]) };
  const [index, code, timeMs] = rest;
  return { kind: "ended", index: Number(index), state: stateOfCode(code ?? ""), timeMs: Number(timeMs) };
}
