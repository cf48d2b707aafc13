import { limitsOf, normalConfiguration, type Session } from "../device/index.js";
import type { AttemptContext } from "./attempt-context.js";
import { type Change, confirmed, counted, lateMs, leave, makeChecks, rejection, withNote } from "./configure-change.js";
import { either } from "./either.js";
import { AttemptError } from "./failure.js";
import { LeaseLostError } from "./lease.js";

/** How long a device may take whose rollback the end of a session starts. */
const promptlyMs = 10_000;
const longestPauseMs = 15_000;
const readIdleMs = 10_000;

/**
 * Confirms a change that runs under a timer: through a session of its own, which proves that the device can still be
 * reached, and only when the post-checks hold there. Gives that session. Whatever else happens, the change is taken
 * back, and this throws.
 */
export async function confirmChange(change: Change, session: Session, before: string, step: number): Promise<Session> {
  const { context, configurator, report } = change;
  const { confirmed: rules } = configurator.rules;
  if (!rules) throw new Error("a timer on a platform that has none");
  noteTimer(change, step);
  let fresh: Session | undefined;
  try {
    // The timer runs on without the session that started it, and there is room for one alone.
    if (limitsOf(context.endpoint).maxSessions === 1) await leaveRoom(context, session);
    fresh = await context.checkout({ fresh: true });
    await configurator.prepare(fresh, { beforeWrite: context.beforeWrite, signal: context.signal });
    await makeChecks(change, fresh, change.postChecks, true);
    if (context.signal.aborted) throw new AttemptError("CANCELLED", "stopped before the change was confirmed");
    const on = rules.session === "same" ? session : fresh;
    const outcome = await configurator.step(on, rules.confirm, counted(change, step, change.firm));
    if (outcome.status === "rejected") throw rejection(change, rules.confirm.send, outcome);
    confirmed(change, step);
    report.result.confirmed = true;
    if (rules.session === "same") await leave(change, session);
    return fresh;
  } catch (error) {
    if (error instanceof LeaseLostError) throw error;
    throw await takeBack(change, { session, fresh, before, step }, error);
  }
}

/** Closes a session, and resolves when its connection is gone. */
function leaveRoom(context: AttemptContext, session: Session): Promise<void> {
  return new Promise((resolve) => {
    session.onClose(resolve);
    context.discard(session);
  });
}

/**
 * Has a change that runs under a timer taken back, at once where the device can be told so, and looks whether it was:
 * only a running configuration that reads as before counts. Gives the error with what was seen.
 */
export async function takeBack(
  change: Change,
  at: {
    readonly session: Session;
    readonly fresh: Session | undefined;
    readonly before: string;
    readonly step: number;
  },
  error: unknown,
): Promise<unknown> {
  const { configurator, report, progress, context } = change;
  const { confirmed: rules } = configurator.rules;
  if (!rules) return error;
  noteTimer(change, at.step);
  const same = rules.session === "same";
  const sessions = same || !at.fresh ? [at.session] : [at.fresh, at.session];
  let words: string | undefined;
  const { revert } = rules;
  let isTold = revert === undefined;
  const tell = async (on: Session): Promise<void> => {
    if (isTold || !revert) return;
    const outcome = await configurator.step(on, revert, { beforeWrite: context.beforeWrite });
    isTold = true;
    if (outcome.status === "rejected") words = outcome.errorLines.join("\n");
  };
  for (const session of sessions) {
    try {
      await tell(session);
      break;
    } catch (failure) {
      if (failure instanceof LeaseLostError) return failure;
    }
  }
  // Where the end of the session is the rollback, one that the device says has failed is not tried again.
  const patienceMs = same && revert ? (words === undefined ? promptlyMs : 0) : configurator.timerMs + 2 * lateMs;
  // A change that never took effect reads as before at once, and its timer would take back whatever comes next: it is told
  // to end, or seen to have run out.
  const first = same ? undefined : tell;
  const isEnded = (seenOtherwise: boolean): boolean => same || !!revert || seenOtherwise || progress.ranOut;
  if (await isBack(change, sessions, { before: at.before, patienceMs, first, isEnded })) {
    confirmed(change, at.step);
    progress.changed = false;
    report.result.committed = false;
    report.result.rolledBack = true;
    return withNote(error, "the change was taken back: the running configuration is what it was before");
  }
  const said = words === undefined ? "" : ` (it says: ${words})`;
  const note = `whether the device has taken the change back was not seen${said}`;
  report.remark("warning", note);
  return withNote(error, note);
}

/** While a timer runs the outcome is open, whatever was answered so far. */
function noteTimer({ context, progress }: Change, step: number): void {
  if (progress.intended >= step) return;
  progress.intended = step;
  context.writer.intended(step);
}

async function isBack(
  change: Change,
  known: readonly Session[],
  how: {
    readonly before: string;
    readonly patienceMs: number;
    /** Done in each session before it is read there. */
    readonly first: ((on: Session) => Promise<void>) | undefined;
    /** Whether what reads as before stays so; `seenOtherwise`: it was seen to be something else. */
    readonly isEnded: (seenOtherwise: boolean) => boolean;
  },
): Promise<boolean> {
  const { before, patienceMs, first, isEnded } = how;
  const { configurator, context } = change;
  const wanted = normalConfiguration(configurator.rules, before);
  let sessions = [...known];
  const read = async (): Promise<string | undefined> => {
    for (;;) {
      // A cancel is no reason to look away: what it leads to is just what is being looked at.
      const session = sessions[0] ?? (await context.checkout({ fresh: true, signal: context.hardSignal }));
      try {
        const options = { beforeWrite: context.beforeWrite, idleTimeoutMs: readIdleMs };
        await configurator.prepare(session, { beforeWrite: context.beforeWrite });
        await first?.(session);
        const running = await configurator.running(session, options);
        sessions = [session];
        return running;
      } catch (error) {
        if (error instanceof LeaseLostError) throw error;
        // One that fell silent would count among those that may be open, until nobody can log in to look.
        context.discard(session);
        if (sessions.length === 0) return undefined;
        sessions = sessions.slice(1);
      }
    }
  };
  let seenOtherwise = false;
  for (let waited = 0, pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const running = await read().catch((error: unknown) => {
      if (error instanceof LeaseLostError) throw error;
      return undefined;
    });
    const isAsBefore = running !== undefined && normalConfiguration(configurator.rules, running) === wanted;
    if (isAsBefore && isEnded(seenOtherwise)) return true;
    seenOtherwise ||= running !== undefined && !isAsBefore;
    if (waited >= patienceMs || hurried(context)) return false;
    await pause(context, pauseMs);
    waited += pauseMs;
  }
}

/** Neither a cancel nor a stop of changes hurries: what they lead to is just what is being looked at. */
function hurried(context: AttemptContext): boolean {
  const cause = context.stopCause();
  return cause !== undefined && cause !== "cancel" && cause !== "stop";
}

/** A stop that came before is no reason to look all the time. */
function pause(context: AttemptContext, ms: number): Promise<void> {
  return either(context.signal.aborted ? [] : [context.signal], (go) => context.timer(ms, go));
}
