import { DeviceError } from "./device-error.js";
import type { Account } from "./endpoint.js";
import { exchange } from "./exchange.js";
import type { ExchangeContext } from "./exchange-request.js";
import { questionsToAsks } from "./questions.js";
import type { Platform, Transition } from "./platform.js";
import type { PromptMatch } from "./prompt.js";
import type { ModeOptions } from "./session.js";

/** The edges of a shortest way through the mode graph; undefined when there is none, empty when already there. */
export function shortestPath(platform: Platform, from: string, to: string): readonly Transition[] | undefined {
  let paths: { readonly at: string; readonly edges: readonly Transition[] }[] = [{ at: from, edges: [] }];
  const seen = new Set([from]);
  while (paths.length > 0) {
    const arrived = paths.find((path) => path.at === to);
    if (arrived) return arrived.edges;
    paths = paths.flatMap((path) =>
      platform.transitions
        .filter((edge) => edge.from === path.at && !seen.has(edge.to))
        .map((edge) => {
          seen.add(edge.to);
          return { at: edge.to, edges: [...path.edges, edge] };
        }),
    );
  }
  return undefined;
}

const stepTimeoutMs = 15_000;

/**
 * Walks from the current prompt to a mode. Rejects with UNSUPPORTED_BY_PLATFORM when no way leads there, and with
 * PRIVILEGE_DENIED when the device refuses a step or does not arrive where the edge promises.
 */
export async function walkToMode(
  context: ExchangeContext,
  account: Account,
  from: PromptMatch,
  to: string,
  options: ModeOptions,
  onStep: (prompt: PromptMatch) => void,
): Promise<void> {
  const path = shortestPath(context.platform, from.mode, to);
  if (!path) {
    throw new DeviceError("UNSUPPORTED_BY_PLATFORM", `${context.platform.name} has no way from ${from.mode} to ${to}`, {
      mode: from.mode,
    });
  }
  let prompt = from;
  for (const edge of path) {
    prompt = await step(context, account, prompt, edge, options);
    onStep(prompt);
    if (prompt.mode !== edge.to) throw denied(context, edge, prompt, undefined);
  }
}

async function step(
  context: ExchangeContext,
  account: Account,
  from: PromptMatch,
  edge: Transition,
  options: ModeOptions,
): Promise<PromptMatch> {
  const timeout = options.timeoutMs ?? stepTimeoutMs;
  try {
    return await exchange(context, {
      command: edge.send,
      prompt: from.text,
      asks: questionsToAsks(edge.ask, account),
      idleTimeoutMs: timeout,
      totalTimeoutMs: timeout,
      timeoutReason: "PROMPT_NOT_FOUND",
      signal: options.signal,
      beforeWrite: options.beforeWrite,
    });
  } catch (error) {
    // Asked once more for what was already answered: refused.
    if (error instanceof DeviceError && error.reason === "UNEXPECTED_QUESTION" && edge.ask.length > 0) {
      throw denied(context, edge, from, error);
    }
    throw error;
  }
}

function denied(context: ExchangeContext, edge: Transition, at: PromptMatch, cause: unknown): DeviceError {
  const recent = context.redact(context.shell.recent);
  const words = recent.split("\n").filter((line) => edge.fail.some((pattern) => pattern.test(line)));
  return new DeviceError("PRIVILEGE_DENIED", `the device did not let us from ${edge.from} to ${edge.to}`, {
    tail: recent,
    mode: at.mode,
    expected: `a prompt of mode ${edge.to}`,
    deviceMessage: words.at(-1),
    cause,
  });
}
