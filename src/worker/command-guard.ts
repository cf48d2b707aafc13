import type { CommandOutcome, CommandRequest, ModeOptions, Session } from "../device/index.js";
import type { CryptoProfile } from "../domain/crypto-profile.js";
import { type CommandGuard, createCommandGuard, explainDenial, rulesFor } from "../domain/command-rules.js";
import type { CommandRule } from "../domain/command-rules.js";
import type { JobRecord } from "../domain/job.js";
import { AttemptError } from "./failure.js";
import type { ReachableEndpoint } from "./reach.js";

/** Holds the lines of a job to the command rules, as they are when its session is handed out. */
export interface HeldToRules {
  /** Throws AttemptError COMMAND_DENIED for the first line that must not be sent. */
  permit(lines: readonly string[]): void;
  /** The session, which sends no line of the caller's that must not be sent. */
  guarded(session: Session): Session;
}

/** Told of every line that goes out. */
type Listener = (line: string) => void;

/** Makes the guard of one session. */
export function holdToRules(
  rules: readonly CommandRule[],
  { creator: caller, zone, device }: JobRecord,
  { platform, labels }: ReachableEndpoint,
  lifted: readonly string[],
  sending: Listener = () => undefined,
): HeldToRules {
  const work = { caller, zone, platform: platform.name, labels, ...(device === undefined ? {} : { device }) };
  const guard = createCommandGuard(platform.commands, rulesFor(rules, work), lifted);
  return {
    permit: (lines) => permit(guard, lines),
    guarded: (session) =>
      new GuardedSession(session, (request) => {
        if (!request.own) permit(guard, linesOf(request));
        sending(request.command);
      }),
  };
}

/** A session that asks before it runs a command. */
class GuardedSession implements Session {
  readonly reused: boolean;
  readonly loginMode: string;
  readonly hostKey: Session["hostKey"];
  readonly remoteVersion: string;
  readonly cryptoProfile?: CryptoProfile;
  readonly timings: Session["timings"];
  private readonly session: Session;
  private readonly ask: (request: CommandRequest) => void;

  constructor(session: Session, ask: (request: CommandRequest) => void) {
    this.reused = session.reused;
    this.loginMode = session.loginMode;
    this.hostKey = session.hostKey;
    this.remoteVersion = session.remoteVersion;
    if (session.cryptoProfile !== undefined) this.cryptoProfile = session.cryptoProfile;
    this.timings = session.timings;
    this.session = session;
    this.ask = ask;
  }

  get mode(): string {
    return this.session.mode;
  }

  get prompt(): string {
    return this.session.prompt;
  }

  async run(request: CommandRequest): Promise<CommandOutcome> {
    this.ask(request);
    return this.session.run(request);
  }

  enterMode(mode: string, options?: ModeOptions): Promise<void> {
    return this.session.enterMode(mode, options);
  }

  onClose(listener: () => void): void {
    this.session.onClose(listener);
  }
}

function linesOf({ command, answers = [] }: CommandRequest): string[] {
  return [command, ...answers.map(({ answer }) => answer)];
}

function permit(guard: CommandGuard, lines: readonly string[]): void {
  for (const line of lines) {
    const denial = guard(line);
    if (!denial) continue;
    const { rule, pattern, command } = denial;
    throw new AttemptError("COMMAND_DENIED", explainDenial(denial), { rule: rule ?? "built_in", pattern, command });
  }
}
