import type { ConfigurationLine } from "./configuration-lines.js";
import type { ConfigurationRules } from "./configuration-rules.js";
import { placeLines, readTree, type Section } from "./configuration-tree.js";
import { redacted, type Redactor } from "./redact.js";

/** What leads from one running configuration back to another. */
export interface Restoration {
  /** As they are typed. */
  readonly lines: readonly string[];
  /** Lines that are to come back and hold a secret, which was not kept: without the secret. */
  readonly lost: readonly string[];
}

/**
 * The lines that lead from the running configuration back to what it was (secrets left out); undefined where the platform
 * has no way to take a line away by another, or the texts are not in the form of its lines. What is taken away goes before
 * what comes back.
 */
export function restoringLines(
  rules: ConfigurationRules,
  running: string,
  wanted: string,
  redactor: Redactor,
): Restoration | undefined {
  const lost: string[] = [];
  const now = redactor.redact(running);
  const lines = rules.flat
    ? restoreFlat(rules.flat, now, wanted)
    : rules.negate === undefined
      ? undefined
      : restore(readTree(rules, now), readTree(rules, wanted), 0);
  if (!lines) return undefined;
  for (const line of lines) if (line.includes(redacted) && !isRemoval(line.trim())) lost.push(line.trim());
  return { lines: lines.map(withoutSecret), lost };

  function isRemoval(line: string): boolean {
    return line.startsWith(`${rules.flat?.delete ?? rules.negate} `);
  }

  /** A line is taken away without naming its secret. */
  function withoutSecret(line: string): string {
    return isRemoval(line.trim()) ? line.replace(new RegExp(`\\s*${redacted}.*$`), "") : line;
  }

  function taken(line: string, below: readonly Section[], depth: number): string[] {
    const indent = " ".repeat(depth);
    if (depth > 0 || !rules.lasting?.test(line)) return [indent + negated(line)];
    const inner = restore(below, [], depth + 1);
    return inner.length === 0
      ? []
      : [indent + line, ...inner, ...(rules.up === undefined ? [] : [`${indent} ${rules.up}`])];
  }

  function negated(line: string): string {
    const negate = rules.negate ?? "";
    if (line.startsWith(`${negate} `)) return line.slice(negate.length + 1);
    return `${negate} ${rules.bare?.exec(line)?.groups?.["stem"] ?? line}`;
  }

  function restore(from: readonly Section[], to: readonly Section[], depth: number): string[] {
    const indent = " ".repeat(depth);
    const wantedLines = new Set(to.map(({ line }) => line));
    const known = new Map(from.map((section) => [section.line, section]));
    const stemOf = (line: string) => rules.single?.exec(line)?.groups?.["stem"];
    const stems = new Set(to.flatMap(({ line }) => stemOf(line) ?? []));
    const typed: string[] = [];
    for (const { line, below } of from) {
      if (wantedLines.has(line) || line === rules.up) continue;
      // Where there is one of a kind, the one that comes back takes its place.
      const stem = stemOf(line);
      if (stem === undefined || !stems.has(stem)) typed.push(...taken(line, below, depth));
    }
    for (const { line, below } of to) {
      const old = known.get(line);
      if (line === rules.up) continue;
      const inner = restore(old?.below ?? [], below, depth + 1);
      if (!old || inner.length > 0) typed.push(indent + line, ...inner);
      if (inner.length > 0 && rules.up !== undefined) typed.push(`${indent} ${rules.up}`);
    }
    return typed;
  }
}

/** The lines that take away what stands in the running configuration beside these. */
export function linesBeside(
  rules: ConfigurationRules,
  running: string,
  lines: readonly ConfigurationLine[],
  redactor: Redactor,
): string[] {
  const wanted = placeLines(rules, lines).map(({ line, within }) => " ".repeat(within.length) + line);
  const { lines: typed = [] } = restoringLines(rules, running, redactor.redact(wanted.join("\n")), redactor) ?? {};
  return typed.filter((line) => line.trim().startsWith(`${rules.flat?.delete ?? rules.negate} `));
}

function restoreFlat(
  flat: NonNullable<ConfigurationRules["flat"]>,
  running: string,
  wanted: string,
): string[] | undefined {
  const settings = (text: string): string[] =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(`${flat.set} `));
  const [now, then] = [settings(running), settings(wanted)];
  if (then.length === 0 && wanted.trim() !== "") return undefined;
  const kept = new Set(then);
  const known = new Set(now);
  return [
    ...now.filter((line) => !kept.has(line)).map((line) => flat.delete + line.slice(flat.set.length)),
    ...then.filter((line) => !known.has(line)),
  ];
}
