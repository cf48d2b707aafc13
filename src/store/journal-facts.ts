import { priorityPointMs } from "../domain/line-order.js";
import { definitionOf } from "./job-hash.js";
import { indexTokens } from "./job-list.js";
import type { ScriptArgument } from "./scripts.js";
import type { JournalFact } from "./store.js";

/** Facts told in one call, and the bytes they may bring, so that no call keeps Redis from its other work. */
const factsACall = 50;
const bytesACall = 256 * 1024;

/** Facts in the pieces in which they are told. */
export function* piecesOf(facts: readonly JournalFact[]): Generator<readonly JournalFact[]> {
  let piece: JournalFact[] = [];
  let bytes = 0;
  for (const fact of facts) {
    if (piece.length === factsACall || (piece.length > 0 && bytes + fact.job.spec.length > bytesACall)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(fact);
    bytes += fact.job.spec.length;
  }
  if (piece.length > 0) yield piece;
}

/** A piece as `replay.lua` takes it. */
export function factArguments(facts: readonly JournalFact[]): ScriptArgument[] {
  const told = facts.map(({ job, worker, fence, intendedStep, requests, live, end }) => ({
    ...{ j: job.id, e: job.endpoint, f: fence, w: worker, a: String(job.attempt), s: String(job.startMs ?? 0) },
    ...{ i: String(intendedStep), l: live, r: requests, t: indexTokens(job).join("\n") },
    o: {
      ...{ k: job.effectClass, c: String(job.createMs), x: String(job.expireMs) },
      p: String((job.createMs - job.priority * priorityPointMs) * 1_000),
    },
    ...(end && {
      d: {
        ...{ v: end.verdict, x: end.error, f: end.effect },
        ...{ i: String(end.intendedStep), c: String(end.confirmedStep) },
      },
    }),
  }));
  // What such a job would wait for is behind it.
  const defined = facts.flatMap(({ job }) => [definitionOf({ ...job, queueTimeoutMs: 0 }), job.spec]);
  return [JSON.stringify(told), ...defined];
}
