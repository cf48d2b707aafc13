import type { KeySpace } from "./keys.js";
import { list, type Scripts, text } from "./scripts.js";
import { liftHolds } from "./lift-holds.js";
import type { GateState, UpkeepStore } from "./store.js";

/** How much one call does at most, so that no call keeps Redis from its other work for long. */
const tickLimit = 100;
const retainLimit = 50;
/** A request id is known for at least this long, also when its job is gone. */
const requestIdMs = 7 * 86_400_000;
/** Due things are looked for at least this often. */
const longestMs = 1_000;

/** What is done by time, a bounded step a call, by whichever server comes first. */
export function createUpkeepStore(scripts: Scripts, keys: KeySpace): UpkeepStore {
  return {
    async reconcile(zone, remembered) {
      const { roster = "", workers = [] } = remembered ?? {};
      const known = remembered ? 1 : 0;
      const reply = list(await scripts.run("reconcile", keys.zone(zone), known, roster, ...workers));
      const [state, ...rest] = reply.map((part) => text(part));
      if (state === "SHUT" || state === "LOST") return { state, missing: rest };
      if (state !== "OPEN" && state !== "OPENED") return { state } as GateState;
      const [its = "", ...names] = rest;
      const end = names.indexOf("");
      if (end < 0) return { state, roster: its, closed: names };
      return { state, roster: its, closed: names.slice(0, end), workers: names.slice(end + 1) };
    },
    async lift(zone, reason) {
      const lifted = await liftHolds(scripts, keys.zone(zone), reason);
      return lifted === "ANOTHER" ? { devices: 0, opened: false } : lifted;
    },
    async tick(zone) {
      const [worked, next] = list(await scripts.run("tick", keys.zone(zone), tickLimit)).map(Number);
      const due = next === undefined || next < 0 ? longestMs : next;
      return { worked: worked ?? 0, nextMs: Math.min(longestMs, due) };
    },
    async retain(zone, { succeededMs, failedMs, jobs, outputBytes }) {
      const rule = [retainLimit, succeededMs, failedMs, jobs, outputBytes, requestIdMs];
      return Number(await scripts.run("retain", keys.zone(zone), ...rule));
    },
    async reap(zone, worker, beat, limit) {
      const [buried, left] = list(await scripts.run("reap", keys.zone(zone), worker, beat, limit));
      return { buried: text(buried) === "1", left: Number(left) };
    },
  };
}
