import type { Session, SessionPool, Transcript } from "../device/index.js";
import type { CommandRule } from "../domain/command-rules.js";
import type { JobRecord } from "../domain/job.js";
import { StoreError } from "../store/store.js";
import type { AttemptContext } from "./attempt-context.js";
import { type HeldToRules, holdToRules } from "./command-guard.js";
import { checkIdentity } from "./identity-check.js";
import type { ReachableEndpoint } from "./reach.js";

/** What an attempt takes its sessions with. */
export interface AttemptSessionsOptions {
  readonly pool: SessionPool;
  readonly endpoint: ReachableEndpoint;
  readonly job: JobRecord;
  /** Commands of the platform's list that are lifted for this job. */
  readonly lifted: readonly string[];
  /** What operators say of commands, now. */
  readonly commandRules: () => Promise<readonly CommandRule[]>;
  /** The same, asked for while it was found out where the device is: for a session that is there by then. */
  readonly early: Promise<readonly CommandRule[]> | undefined;
  readonly transcript: Transcript | undefined;
  /** Aborts when the attempt has to stop. */
  readonly signal: AbortSignal;
  /** Throws when the lease is over. */
  readonly beforeWrite: () => void;
  /** The work has begun: no breaker keeps it from connecting. */
  readonly hasBegun: () => boolean;
}

/** The sessions of one attempt, held to the command rules and asked who they are. */
export interface AttemptSessions extends Pick<AttemptContext, "checkout" | "discard" | "permit"> {
  /** The work is over. Gives what is left back to the pool, or closes it; answers whether anything was given back. */
  giveBack(isCertain: boolean): boolean;
}

/** None was taken yet. */
export function createAttemptSessions(options: AttemptSessionsOptions): AttemptSessions {
  const { pool, endpoint, job, beforeWrite } = options;
  /** The pool's sessions, by what was handed out for them. */
  const handed = new Map<Session, Session>();
  const renamed = new Set<string>();
  let { early, transcript: unused } = options;
  let held: HeldToRules | undefined;

  async function rulesFor({ reused }: Session): Promise<HeldToRules> {
    const rules = await ((reused && early) || options.commandRules());
    early = undefined;
    return holdToRules(rules, job, endpoint, options.lifted, (line) => {
      const name = endpoint.platform.rename?.exec(line)?.groups?.["host"];
      if (name !== undefined) renamed.add(name);
    });
  }

  return {
    permit: (lines) => held?.permit(lines),
    async checkout({ fresh, signal = options.signal }) {
      const bounds = { signal, beforeWrite };
      // A transcript is of one channel: the first.
      const record = unused && { transcript: unused };
      const session = await pool.checkout(endpoint, { ...bounds, fresh, pressing: options.hasBegun(), ...record });
      unused = undefined;
      try {
        held = await rulesFor(session).catch((error: unknown) => {
          // What looks after a change that was made does not need the store.
          if (held && error instanceof StoreError) return held;
          throw error;
        });
        if (endpoint.expect) await checkIdentity(session, endpoint.platform, endpoint.expect, bounds, renamed);
      } catch (error) {
        // Nobody will give it back, and whoever the device says it is, a later session may find the one that is meant.
        pool.discard(session);
        throw error;
      }
      const guarded = held.guarded(session);
      handed.set(guarded, session);
      return guarded;
    },
    discard(session) {
      const own = handed.get(session);
      if (!own) return;
      handed.delete(session);
      pool.discard(own);
    },
    giveBack(isCertain) {
      for (const session of handed.values()) {
        if (isCertain) pool.checkin(session);
        else pool.discard(session);
      }
      return isCertain && handed.size > 0;
    },
  };
}
