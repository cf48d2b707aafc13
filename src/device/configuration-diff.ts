import { createHash } from "node:crypto";
import type { ConfigurationLine } from "./configuration-lines.js";
import type { ConfigurationRules } from "./configuration-rules.js";
import { placeLines, readTree, type Section } from "./configuration-tree.js";
import type { Redactor } from "./redact.js";

/** What a running configuration says, without what changes by itself: equal texts, equal configurations. */
export function normalConfiguration(rules: ConfigurationRules, running: string): string {
  return running
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !rules.comment?.test(line) && !rules.ignore?.test(line))
    .join("\n");
}

/**
 * Binds lines to the configuration they were planned on, and to whether they take its place: SHA-256 in hex, over texts
 * without secrets.
 */
export function planHash(
  platform: string,
  lines: readonly ConfigurationLine[],
  normalRunning: string,
  replaces: boolean,
): string {
  const typed = lines.map(({ text, block }) => [text, ...(block?.lines ?? [])]);
  return createHash("sha256")
    .update(JSON.stringify([platform, typed, normalRunning, ...(replaces ? ["replace"] : [])]))
    .digest("hex");
}

/**
 * What the lines would change, as far as the indentation of input and running configuration tells: a prediction, since
 * only the device knows its defaults.
 */
export function predictDiff(
  rules: ConfigurationRules,
  running: string,
  lines: readonly ConfigurationLine[],
  redactor: Redactor,
): string {
  const before = readTree(rules, running);
  const after = readTree(rules, running);
  const opened = new Map<number, Section>();
  for (const [at, { line, within, leaves }] of placeLines(rules, lines).entries()) {
    if (leaves) continue;
    const around = within.findLast((place) => opened.has(place));
    const here = around === undefined ? after : (opened.get(around)?.below ?? after);
    const section = applyLine(rules, here, line);
    if (section) opened.set(at, section);
  }
  return render(before, after, redactor);
}

/** The difference of two running configurations. */
export function compareConfigurations(
  rules: ConfigurationRules,
  before: string,
  after: string,
  redactor: Redactor,
): string {
  return render(readTree(rules, before), readTree(rules, after), redactor);
}

/** Takes the secrets out of a diff, whose lines begin with a sign. */
export function redactDiff(redactor: Redactor, diff: string): string {
  const each = (line: string): string => {
    const sign = /^[-+ ]/.exec(line)?.[0] ?? "";
    return sign + redactor.redact(line.slice(sign.length));
  };
  return diff.split("\n").map(each).join("\n");
}

function applyLine(rules: ConfigurationRules, here: Section[], line: string): Section | undefined {
  const negated = /^(?:no|default|undo)\s+(?<what>.*)$/s.exec(line)?.groups?.["what"];
  if (negated !== undefined) {
    for (let at = here.length - 1; at >= 0; at--) {
      const known = here[at]?.line ?? "";
      if (known === negated || known.startsWith(`${negated} `)) here.splice(at, 1);
    }
    return undefined;
  }
  const inverse = here.findIndex((section) => section.line === `no ${line}` || section.line === `undo ${line}`);
  if (inverse >= 0) here.splice(inverse, 1);
  const same = here.find((section) => section.line === line);
  if (same) return same;
  const stem = rules.single?.exec(line)?.groups?.["stem"];
  const added: Section = { line, below: [] };
  const old = stem === undefined ? -1 : here.findIndex((section) => section.line.startsWith(`${stem} `));
  if (old >= 0) here.splice(old, 1, added);
  else here.push(added);
  return added;
}

function render(before: readonly Section[], after: readonly Section[], redactor: Redactor, depth = 0): string {
  const show = (sign: string, line: string): string =>
    line
      .split("\n")
      .map((part) => `${sign}${" ".repeat(depth)}${redactor.redact(part)}\n`)
      .join("");
  const whole = (sign: string, section: Section, level = depth): string =>
    section.line
      .split("\n")
      .map((part) => `${sign}${" ".repeat(level)}${redactor.redact(part)}\n`)
      .join("") + section.below.map((below) => whole(sign, below, level + 1)).join("");
  const kept = new Set(after.map(({ line }) => line));
  const known = new Map(before.map((section, index) => [section.line, { section, index }]));
  let text = "";
  let printed = 0;
  const removedUpTo = (end: number): void => {
    for (; printed < end; printed++) {
      const section = before[printed];
      if (section && !kept.has(section.line)) text += whole("-", section);
    }
  };
  for (const [index, section] of after.entries()) {
    const old = known.get(section.line);
    if (!old) {
      // What it replaces stands at the same place.
      removedUpTo(Math.min(index + 1, before.length));
      text += whole("+", section);
      continue;
    }
    removedUpTo(old.index);
    const inner = render(old.section.below, section.below, redactor, depth + 1);
    if (inner !== "") text += show(" ", section.line) + inner;
  }
  removedUpTo(before.length);
  return text;
}
