import { create, toBinary } from "@bufbuild/protobuf";
import { CommandsOperationSchema, JobSpecSchema } from "@pointsman/sdk/v1";
import { pino } from "pino";
import { builtInPlatforms, type CommandOutcome, type CommandRequest } from "../../src/device/index.js";
import type { CommandRule } from "../../src/domain/command-rules.js";
import type { JobRecord } from "../../src/domain/job.js";
import { type AttemptEnd, type Claim, StoreError } from "../../src/store/store.js";
import { systemRandom } from "../../src/system/random.js";
import { type Attempt, type AttemptParts, startAttempt } from "../../src/worker/attempt.js";
import { createLease } from "../../src/worker/lease.js";
import { createHandClock, type HandClock } from "../support/hand-clock.js";

/** What the store says when it is away. */
export const storeAway = (): StoreError => new StoreError("STORE_UNAVAILABLE", "Redis does not answer");

/** The encoded job that sends these lines. */
export function specOf(commands: readonly string[]): Uint8Array {
  const operation = create(CommandsOperationSchema, { commands: commands.map((command) => ({ command })) });
  return toBinary(
    JobSpecSchema,
    create(JobSpecSchema, {
      target: { case: "device", value: "r1" },
      maxOutputBytes: 1_000_000,
      operation: { case: "commands", value: operation },
    }),
  );
}

/** A claimed change of one line, or what `part` makes of it. */
export function claimOf(part: Partial<JobRecord> = {}): Claim {
  const job: JobRecord = {
    ...{ id: "j1", zone: "default", state: "RUNNING", effectClass: "AT_MOST_ONCE", type: "commands" },
    ...{ endpoint: "10.0.0.1:22", address: "10.0.0.1", device: "r1", creator: "test", priority: 0, labels: {} },
    ...{ spec: specOf(["clear counters"]), createMs: 0, expireMs: 0, attempt: 1, maxAttempts: 3, attempts: [] },
    ...{ intendedStep: 0, confirmedStep: 0, lastEvent: 1, outputBytes: 0, cancelRequested: false },
    ...part,
  };
  return { job, fence: "1", countedAttempts: job.attempt };
}

/** What stands around an attempt, as far as a test replaces it. */
export interface Around {
  readonly job?: Partial<JobRecord>;
  readonly leases?: Partial<AttemptParts["leases"]>;
  readonly journal?: AttemptParts["journal"]["write"];
  readonly reach?: AttemptParts["reach"];
  readonly commandRules?: readonly CommandRule[];
  readonly histories?: AttemptParts["histories"];
  readonly logger?: AttemptParts["logger"];
  /** What a line does on the device. */
  readonly run?: (request: CommandRequest) => Promise<CommandOutcome>;
}

export interface AttemptAlone {
  readonly attempt: Attempt;
  readonly clock: HandClock;
  /** The lines that were sent. */
  readonly sent: string[];
  /** The ends that the store heard. */
  readonly ends: AttemptEnd[];
  /** How often it said that its end cannot be told. */
  readonly untold: () => number;
}

export const answered: CommandOutcome = {
  ...{ status: "ok", errorLines: [], durationMs: 1, exitStatus: 0, truncated: false },
};

/** An attempt without a store, a device or a disk: each is played by the test. */
export function attemptAlone(around: Around = {}): AttemptAlone {
  const clock = createHandClock();
  const sent: string[] = [];
  const ends: AttemptEnd[] = [];
  let untold = 0;
  const run = async (request: CommandRequest): Promise<CommandOutcome> => {
    sent.push(request.command);
    return (around.run ?? (() => Promise.resolve(answered)))(request);
  };
  const session = { reused: false, mode: "exec", loginMode: "exec", run };
  const finish = (_holder: unknown, end: AttemptEnd): Promise<"OK"> => {
    ends.push(end);
    return Promise.resolve("OK");
  };
  const ok = (): Promise<"OK"> => Promise.resolve("OK");
  const intended = { answer: "OK", requests: [] };
  const endpoint = { platform: builtInPlatforms().get("cisco_ios"), labels: {}, account: { username: "u" } };
  const parts = {
    ...{ clock, random: systemRandom, logger: around.logger ?? pino({ level: "silent" }), lease: createLease(clock) },
    giveUp: new AbortController().signal,
    histories: around.histories ?? (() => 0),
    untold: () => void untold++,
    unheard: () => undefined,
    pool: {
      checkout: () => Promise.resolve(session),
      checkin: () => undefined,
      discard: () => undefined,
    },
    commandRules: () => Promise.resolve(around.commandRules ?? []),
    reach: around.reach ?? (() => Promise.resolve(endpoint)),
    journal: { write: around.journal ?? (() => Promise.resolve()), close: () => Promise.resolve() },
    leases: { intent: () => Promise.resolve(intended), append: ok, finish, ...around.leases },
  };
  const attempt = startAttempt(parts as unknown as AttemptParts, "w1", claimOf(around.job));
  return { attempt, clock, sent, ends, untold: () => untold };
}
