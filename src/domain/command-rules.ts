import {
  type CommandGrammar,
  anyWords,
  type CommandPattern,
  mayBegin,
  parseCommandPattern,
  readCommands,
  surelyBegins,
} from "./command-words.js";
import { holdsFor, type Policy, type PolicyScope } from "./policy.js";

/** What an operator says of commands: that they are not sent, or that they are although the platform's list denies them. */
export interface CommandRule extends Policy {
  readonly action: "ALLOW" | "DENY";
  readonly patterns: readonly string[];
  /** Commands that certainly are one of these are none of the rule's. */
  readonly except: readonly string[];
  readonly scope: PolicyScope;
  /** Empty: every platform. */
  readonly platforms: readonly string[];
  /** Whose jobs. Empty: everybody's. */
  readonly callers: readonly string[];
}

/** What a platform's own data says of its commands. */
export interface PlatformCommands extends CommandGrammar {
  /** Commands that are sent to nobody's device unless that is asked for by name. */
  readonly denied: readonly CommandPattern[];
  /** Commands that certainly are one of these are not meant by `denied`. */
  readonly harmless: readonly CommandPattern[];
}

/** Whose job it is, and on what. */
export interface RuledWork {
  readonly caller: string;
  readonly platform: string;
  readonly zone: string;
  /** Undefined: a device that is not in the inventory. */
  readonly device?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Why a line is not sent. */
export interface Denial {
  /** Name of the operator's rule; undefined: the platform's own list. */
  readonly rule?: string;
  /** The pattern that the line meets or may meet. */
  readonly pattern: string;
  /** The operator's reason. */
  readonly reason?: string;
  /** Beginning of the command, as far as the pattern goes. */
  readonly command: string;
}

/** Tells of each line whether it may be sent. */
export type CommandGuard = (line: string) => Denial | undefined;

/** The rules that hold for some work. */
export function rulesFor(rules: readonly CommandRule[], work: RuledWork): readonly CommandRule[] {
  const { caller, platform, device, zone, labels } = work;
  const place = { zone, labels, ...(device === undefined ? {} : { name: device }) };
  return rules.filter(
    ({ scope, platforms, callers }) =>
      (platforms.length === 0 || platforms.includes(platform)) &&
      (callers.length === 0 || callers.includes(caller)) &&
      holdsFor(scope, place),
  );
}

/**
 * A guard by the platform's list and the rules that hold. A rule that denies stands above everything; the platform's list
 * gives way to a rule that allows, and to `lifted`: patterns of the list, as they are written there.
 */
export function createCommandGuard(
  platform: PlatformCommands,
  holding: readonly CommandRule[],
  lifted: readonly string[],
): CommandGuard {
  const parsed = holding.map((rule) => ({
    ...rule,
    patterns: rule.patterns.map(parseCommandPattern),
    except: rule.except.map(parseCommandPattern),
  }));
  const denying = parsed.filter(({ action }) => action === "DENY");
  const allowing = parsed.filter(({ action }) => action === "ALLOW");
  const builtIn = platform.denied.filter(({ text }) => !lifted.includes(text));
  const surely = (words: readonly string[], patterns: readonly CommandPattern[]): boolean =>
    patterns.some((pattern) => surelyBegins(platform, words, pattern));

  return (line) => {
    if (denying.length === 0 && builtIn.length === 0) return undefined;
    const commands = readCommands(platform, line);
    for (const words of commands) {
      for (const { name, reason, patterns, except } of denying) {
        const pattern = patterns.find((one) => mayBegin(platform, words, one));
        if (pattern && !surely(words, except)) return denial(pattern, words, { rule: name, reason });
      }
    }
    for (const words of commands) {
      const pattern = builtIn.find((one) => mayBegin(platform, words, one));
      if (!pattern || surely(words, platform.harmless)) continue;
      const allowed = allowing.some(({ patterns, except }) => surely(words, patterns) && !surely(words, except));
      if (!allowed) return denial(pattern, words);
    }
    return undefined;
  };
}

/** No more of the line than the pattern names one by one: what follows may be a secret. */
function denial(pattern: CommandPattern, words: readonly string[], rule: Partial<Denial> = {}): Denial {
  const any = pattern.words.indexOf(anyWords);
  const command = words.slice(0, any < 0 ? pattern.words.length : Math.max(any, 1)).join(" ");
  return { ...rule, pattern: pattern.text, command };
}

/** A denial for people: what was met, and what can be done. */
export function explainDenial({ rule, pattern, reason, command }: Denial): string {
  const what = command === pattern ? `"${command}"` : `"${command}" may be "${pattern}", which`;
  if (rule === undefined) {
    return `${what} is on the platform's list of dangerous commands: spell out what is meant, lift it by name (lifted_commands), or have a rule allow it`;
  }
  return `${what} is denied by the command rule ${rule}${reason ? ` (${reason})` : ""}: spell out what is meant, or have the rule changed`;
}
