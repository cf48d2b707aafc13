import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConfigKind, ConfigMode, type ConfigureOperation } from "@pointsman/sdk/v1";
import {
  compareConfigurations,
  confirmationProblem,
  type ConfigurationLine,
  type ConfigurationWish,
  createConfigurator,
  DeviceError,
  limitsOf,
  missingConsent,
  normalConfiguration,
  planHash,
  predictDiff,
  redactDiff,
  type Session,
  unprovenParts,
} from "../device/index.js";
import type { AttemptContext, Executed } from "./attempt-context.js";
import * as change from "./configure-change.js";
import type { Change } from "./configure-change.js";
import { confirmChange, takeBack } from "./configure-confirm.js";
import { linesBack, linesOfInput, onlyReads } from "./configure-input.js";
import { reconcile } from "./configure-reconcile.js";
import { confirmAnswer, isCut, seeAgain } from "./configure-return.js";
import { createConfigureReport } from "./configure-report.js";
import { AttemptError } from "./failure.js";
import { redactorOf } from "./endpoint-redactor.js";
import { afterGrace } from "./grace.js";
import { LeaseLostError } from "./lease.js";

const defaultConfirmMs = 300_000;

/** Plans or makes a change of a device's configuration, and reports every line of it. */
export async function runConfigure(
  context: AttemptContext,
  operation: ConfigureOperation,
  limits: { readonly outputBytes: number },
): Promise<Executed> {
  const { job, endpoint } = context;
  const { platform } = endpoint;
  const confirmMs = operation.confirmTimeout ? durationMs(operation.confirmTimeout) : defaultConfirmMs;
  const timerSeconds = operation.mode === ConfigMode.APPLY_CONFIRMED ? Math.ceil(confirmMs / 1000) : undefined;
  const configurator = createConfigurator(platform, `pm-${job.id}-${job.attempt}`, timerSeconds);
  const { rules } = configurator;
  const missing = missingConsent(platform.name, rules, wishOf(operation));
  if (missing !== undefined && operation.mode !== ConfigMode.RECONCILE)
    throw new AttemptError("CONSENT_REQUIRED", missing);
  const { maxSessions } = limitsOf(endpoint);
  const unconfirmable = timerSeconds === undefined ? undefined : confirmationProblem(platform.name, rules, maxSessions);
  if (unconfirmable !== undefined) {
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", unconfirmable, { max_sessions: String(maxSessions) });
  }
  if (operation.save && !rules.save) {
    throw new AttemptError("UNSUPPORTED_BY_PLATFORM", `${platform.name} has nothing to save a configuration with`);
  }
  const goesBack = operation.beforeJob !== "";
  const given = goesBack ? [] : linesOfInput(platform.name, rules, operation);
  const redactor = redactorOf(context.endpoint);
  const around = [rules.candidate, timerSeconds].filter((part) => part !== undefined).length;
  const isTimedBySession = timerSeconds !== undefined && rules.confirmed?.session === "same";
  const gentle = afterGrace(context);
  const changeOf = (lines: readonly ConfigurationLine[]): Change => ({
    ...{ context, configurator, redactor, lines, timerSeconds, postChecks: operation.postChecks },
    isTimedBySession,
    // Where the end of the session takes the change back, there is nothing to wait for.
    awaitsReturnMs: operation.waitForReturn && !isTimedBySession ? durationMs(operation.waitForReturn) : undefined,
    replaces: operation.kind === ConfigKind.REPLACE,
    report: createConfigureReport(context.writer, redactor, lines, limits.outputBytes),
    progress: {
      ...{ intended: 0, confirmed: 0, changed: false, intent: false, armed: false, ranOut: false },
      steps: onlyReads(operation) ? 0 : lines.length + around + (operation.save ? 1 : 0),
    },
    gentle,
    firm: context.hardSignal,
  });
  let it = changeOf(given);

  let session: Session | undefined;
  let error: unknown;
  try {
    session = await context.checkout({ fresh: false });
    await configurator.prepare(session, change.reading(it));
    if (goesBack) {
      const running = await configurator.running(session, change.reading(it));
      const earlier = operation.input.case === "text" ? operation.input.value : "";
      it = changeOf(linesBack(platform.name, rules, running, earlier, redactor));
    }
    if (operation.mode === ConfigMode.RECONCILE) {
      await reconcile(it, session, platform.name, goesBack);
    } else {
      context.permit(linesToSend(it, operation));
      await work(it, operation, session, platform.name, it.lines.length + around);
    }
  } catch (cause) {
    error = cause;
  }
  const { report } = it;
  const { intended, confirmed, changed, steps } = it.progress;
  const result = report.encode(session?.reused ?? false);
  const done = { result, intendedStep: intended, confirmedStep: confirmed, changed, steps };
  return error === undefined ? done : { ...done, error };
}

/** Every line that is sent in the caller's name. */
function linesToSend({ lines, configurator }: Change, { preChecks, postChecks, save }: ConfigureOperation): string[] {
  const saving = save ? configurator.rules.save : undefined;
  return [
    ...lines.map(({ text }) => text),
    ...[...preChecks, ...postChecks].map(({ command }) => command),
    ...(saving ? [saving.send] : []),
  ];
}

async function work(
  it: Change,
  operation: ConfigureOperation,
  session: Session,
  platform: string,
  last: number,
): Promise<void> {
  const { configurator, report, redactor, lines, timerSeconds, progress } = it;
  const { rules } = configurator;
  const { result } = report;
  const isPlan = operation.mode === ConfigMode.PLAN;
  const unproven = unprovenParts(rules, wishOf(operation));
  if (unproven.length > 0) {
    const what = unproven.join(", ");
    report.remark("info", `${what} on ${platform} is known from documents, not from the vendor's own software`);
  }
  let before: string | undefined;
  if (isPlan || timerSeconds !== undefined || operation.planHash !== "" || operation.keepBeforeAfter) {
    before = await configurator.running(session, change.reading(it));
    result.planHash = planHash(platform, lines, normalConfiguration(rules, redactor.redact(before)), it.replaces);
    if (operation.planHash !== "" && operation.planHash !== result.planHash) {
      throw new AttemptError(
        "PLAN_CHANGED",
        "the lines or the running configuration are not those that the plan was made of; make a new one",
        { plan_hash: result.planHash },
      );
    }
    if (operation.keepBeforeAfter) result.before = await report.text(redactor.redact(before));
  }
  await change.makeChecks(it, session, operation.preChecks, false);
  if (isPlan && !rules.candidate && before !== undefined) {
    result.diffPredicted = true;
    result.diff = await report.text(predictDiff(rules, before, lines, redactor));
    return;
  }

  let done = false;
  let on = session;
  try {
    let wasCut = false;
    done = await makeChange(it, session, isPlan).catch((error: unknown) => {
      wasCut = isCut(it, error);
      if (!wasCut) throw error;
      return true;
    });
    if (done && !isPlan && it.awaitsReturnMs !== undefined) on = await seeAgain(it, session, wasCut);
  } catch (error) {
    // A candidate whose commit was refused is gone; one whose commit was not answered may be running under its timer.
    const isOver = rules.candidate !== undefined && progress.confirmed >= progress.intended;
    if (error instanceof LeaseLostError || !progress.armed || isOver || before === undefined) throw error;
    throw await takeBack(it, { session, fresh: undefined, before, step: last }, error);
  }
  if (isPlan) return;
  if (!done) {
    if (before === undefined || !progress.armed) return;
    const stopped = new AttemptError("CANCELLED", "stopped in the middle of the lines");
    throw await takeBack(it, { session, fresh: undefined, before, step: last }, stopped);
  }
  let after: string | undefined;
  if (operation.keepBeforeAfter && before !== undefined && !rules.candidate) {
    after = await configurator.running(on, { beforeWrite: it.context.beforeWrite }).catch(async (error: unknown) => {
      if (error instanceof LeaseLostError || !progress.armed) throw error;
      throw await takeBack(it, { session: on, fresh: undefined, before, step: last }, error);
    });
    result.diff = await report.text(compareConfigurations(rules, before, after, redactor));
  }
  if (timerSeconds !== undefined && before !== undefined) on = await confirmChange(it, on, before, last);
  else await change.makeChecks(it, on, operation.postChecks, true);
  if (operation.save) await save(it, on);
  if (operation.keepBeforeAfter) {
    after ??= await configurator.running(on, { beforeWrite: it.context.beforeWrite });
    result.after = await report.text(redactor.redact(after));
  }
}

/** Types the lines and, where there is a candidate, commits it. False when the work was asked to stop on the way. */
async function makeChange(it: Change, session: Session, isPlan: boolean): Promise<boolean> {
  const { configurator, report, redactor, lines, timerSeconds, progress, context } = it;
  const { candidate, confirmed } = configurator.rules;
  await openConfiguration(it, session);
  let keepOpen = false;
  try {
    if (it.replaces && candidate?.empty) {
      const emptied = await configurator.step(session, candidate.empty, change.reading(it));
      if (emptied.status === "rejected") throw change.rejection(it, candidate.empty.send, emptied);
    }
    if (!(await typeLines(it, session, isPlan))) return false;
    if (!candidate) {
      progress.changed = true;
      report.result.committed = true;
      return true;
    }
    const diff = await configurator.step(session, candidate.diff, change.reading(it));
    report.result.diff = await report.text(redactDiff(redactor, diff.output));
    if (candidate.check) {
      const check = await configurator.step(session, candidate.check, change.reading(it));
      if (check.status === "rejected") throw change.rejection(it, candidate.check.send, check);
    }
    if (isPlan) return true;
    if (context.signal.aborted) return false;
    const step = lines.length + 1;
    await change.passIntent(it, step);
    if (timerSeconds !== undefined) change.arm(it);
    const commit = (timerSeconds === undefined ? undefined : confirmed?.commit) ?? candidate.commit;
    const outcome = await configurator.step(session, commit, change.counted(it, step, it.firm));
    confirmAnswer(it, step, outcome);
    if (outcome.status === "rejected") throw change.rejection(it, candidate.commit.send, outcome);
    progress.changed = true;
    report.result.committed = true;
    keepOpen = it.isTimedBySession;
    return true;
  } finally {
    if (!keepOpen) await change.leave(it, session);
  }
}

/** Opens the configuration. Where that starts the timer, it is a change: left alone, it takes back whatever comes next. */
async function openConfiguration(it: Change, session: Session): Promise<void> {
  const { configurator, progress, timerSeconds } = it;
  if (timerSeconds === undefined || configurator.rules.candidate) {
    return configurator.open(session, change.reading(it));
  }
  await change.passIntent(it, 1);
  change.arm(it);
  const bounds = { ...change.counted(it, 1, it.gentle), expectDisconnect: false };
  await configurator.open(session, bounds).catch((error: unknown) => {
    if (error instanceof DeviceError && error.reason === "UNSUPPORTED_BY_PLATFORM") {
      progress.armed = false;
      change.confirmed(it, 1);
    }
    throw error;
  });
}

/** Types every line, and stops at the first that is rejected. False when the work was asked to stop. */
async function typeLines(it: Change, session: Session, isPlan: boolean): Promise<boolean> {
  const { configurator, report, lines, progress, context } = it;
  const takesEffect = configurator.rules.candidate === undefined;
  for (const [index, line] of lines.entries()) {
    if (context.signal.aborted) return false;
    const step = index + 1;
    if (takesEffect) await change.passIntent(it, step);
    report.started(index);
    const bounds = isPlan ? change.reading(it) : change.counted(it, step, it.gentle);
    const outcome = await configurator
      .type(session, line, { ...bounds, onOutput: report.printed })
      .catch((error: unknown) => {
        report.ended(index, "INTERRUPTED");
        throw error;
      });
    if (!isPlan) confirmAnswer(it, step, outcome);
    report.ended(index, outcome.status === "ok" ? "OK" : "REJECTED", outcome);
    if (outcome.status === "rejected") throw change.rejection(it, line.text, outcome);
    progress.changed ||= takesEffect;
  }
  return true;
}

async function save(it: Change, session: Session): Promise<void> {
  const { configurator, report, progress } = it;
  const step = configurator.rules.save;
  if (!step) return;
  const outcome = await configurator.step(session, step, change.counted(it, progress.steps, it.firm));
  change.confirmed(it, progress.steps);
  if (outcome.status === "rejected") throw change.rejection(it, step.send, outcome);
  report.result.saved = true;
}

function wishOf({ mode, save, acceptUnproven, acceptReboot }: ConfigureOperation): ConfigurationWish {
  const confirmed = mode === ConfigMode.APPLY_CONFIRMED;
  return {
    changes: mode !== ConfigMode.PLAN && mode !== ConfigMode.RECONCILE,
    confirmed,
    save,
    acceptUnproven,
    acceptReboot,
  };
}
