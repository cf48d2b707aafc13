import type { Batch } from "./fsck-walk.js";
import type { Problem } from "./fsck.js";
import { keyOf } from "./keys.js";

/** Whether a script or a command met a value that is not what it has to be: of another type, or no JSON. */
export function isUnreadable(error: unknown): error is Error {
  return error instanceof Error && /^WRONGTYPE |^ERR user_script:/.test(error.message);
}

/** Kinds of the keys that a script looks at first, where its arguments do not say. */
const kinds: Readonly<Partial<Record<Batch["script"], string>>> = {
  fsck_jobs: "job",
  fsck_devices: "ep",
  fsck_workers: "worker",
  fsck_freezes: "frozen",
  fsck_runs: "run",
  fsck_schedules: "schedule",
};

/** The problem that a thing cannot be judged: what is wrong with it, or with what it names, is for a person to see. */
export function unreadable(root: string, { script, fixed }: Batch, thing: string, error: Error): Problem {
  const [kind = script, name] = fixed;
  const key =
    script === "fsck_entries" ? keyOf(root, kind, name || undefined) : keyOf(root, kinds[script] ?? kind, thing);
  const [what = ""] = error.message.split(" script: ");
  const detail = `${thing}, or what it names, cannot be read: ${what}`;
  return { invariant: "can-be-read", key, detail, repairable: false, repaired: false };
}
