import { DeviceError } from "./device-error.js";
import type { Account } from "./endpoint.js";
import { exchange } from "./exchange.js";
import type { ExchangeContext } from "./exchange-request.js";
import { walkToMode } from "./modes.js";
import { questionsToAsks } from "./questions.js";
import type { PromptMatch } from "./prompt.js";

/** How long a command that only prepares the terminal may take, in milliseconds. */
const prepareMs = 15_000;
/** A device that says nothing after login may wait for a key. */
const wakeMs = 3_000;

/** Bounds of a login. */
export interface LoginOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * From an open terminal to the first prompt: answers the platform's login questions, learns the device's name, and turns
 * paging off where the device lets us. Rejects with PROMPT_NOT_FOUND or AUTHENTICATION_FAILED.
 */
export async function login(context: ExchangeContext, account: Account, options: LoginOptions): Promise<PromptMatch> {
  const { shell, platform, clock } = context;
  const { signal } = options;
  const cancelWake = clock.timer(wakeMs, () => {
    if (shell.line.trim() !== "" || shell.gone) return;
    try {
      shell.send("\n");
    } catch {
      // A guard that forbids writing has closed the channel: the exchange below learns of it.
    }
  });
  let prompt: PromptMatch;
  try {
    prompt = await exchange(context, {
      command: undefined,
      prompt: "",
      asks: questionsToAsks(platform.loginQuestions, account),
      idleTimeoutMs: options.timeoutMs,
      totalTimeoutMs: options.timeoutMs,
      timeoutReason: "PROMPT_NOT_FOUND",
      signal,
    });
  } catch (error) {
    throw asLoginFailure(error, context);
  } finally {
    cancelWake();
  }
  if (platform.home !== undefined && prompt.mode !== platform.home) {
    await walkToMode(
      context,
      account,
      prompt,
      platform.home,
      signal ? { signal } : {},
      (arrived) => (prompt = arrived),
    );
  }
  // The echo of the first line proves the prompt: what looked like one in a banner would not come back in front of it.
  for (const command of platform.onOpen.length > 0 ? platform.onOpen : [""]) {
    prompt = await exchange(context, {
      command,
      prompt: prompt.text,
      asks: [],
      idleTimeoutMs: prepareMs,
      totalTimeoutMs: prepareMs,
      timeoutReason: "PROMPT_NOT_FOUND",
      signal,
    });
  }
  return prompt;
}

/** A device that asks for a password a second time has refused the first. */
function asLoginFailure(error: unknown, context: ExchangeContext): unknown {
  if (!(error instanceof DeviceError)) return error;
  const { shell, platform } = context;
  const last = shell.line;
  const askedAgain = platform.loginQuestions.some(({ match, answer }) => "secret" in answer && match.test(last));
  const waited = ["PROMPT_NOT_FOUND", "UNEXPECTED_QUESTION", "DISCONNECTED"].includes(error.reason);
  if (!waited || !askedAgain) return error;
  return new DeviceError("AUTHENTICATION_FAILED", "the device refused the login inside the session", {
    tail: context.redact(shell.recent),
    credentialOffered: true,
    cause: error,
  });
}
