import type { ConfigurationLine } from "./configuration-lines.js";
import type { ConfigurationRules, FlatRules } from "./configuration-rules.js";
import { placeLines, readTree, type Section } from "./configuration-tree.js";
import { redacted, type Redactor } from "./redact.js";

/** Whether what a line asks for stands in the running configuration; unknown where the texts do not tell. */
export type Presence = "PRESENT" | "ABSENT" | "UNKNOWN";

/** What lines come to together. */
export type Standing = "ALL" | "NONE" | "SOME" | "UNKNOWN";

/**
 * Looks for each line in the running configuration (in its flat form where the platform has one). A line that is not
 * there is absent only when the device spells such lines as it is spelled: one that was abbreviated, or that the device
 * shows in another form, stays unknown. Undefined: the line only leaves a section.
 */
export function findLines(
  rules: ConfigurationRules,
  running: string,
  lines: readonly ConfigurationLine[],
  redactor: Redactor,
): (Presence | undefined)[] {
  if (rules.flat) return lines.map(({ text }) => findFlat(rules.flat, text.trim(), running, redactor));
  const { negate } = rules;
  if (negate === undefined) return lines.map(() => "UNKNOWN");
  const shown = redactor.redact(running);
  const top = readTree(rules, shown);
  const firstWords = new Set(shown.split("\n").map((line) => firstWord(line)));
  const placed = placeLines(rules, lines);
  const found = new Map<number, Section>();
  const presences: (Presence | undefined)[] = [];

  /** Where the sections around a line are, or what is known of them. */
  function around(within: readonly number[]): Section[] | Presence {
    const parent = within.at(-1);
    if (parent === undefined) return top;
    return found.get(parent)?.below ?? presences[parent] ?? "UNKNOWN";
  }

  for (const [at, { line, within, leaves }] of placed.entries()) {
    if (leaves) {
      presences.push(undefined);
      continue;
    }
    const here = around(within);
    const clean = redactor.redact(line);
    const isNegated = clean.startsWith(`${negate} `);
    if (!Array.isArray(here)) {
      presences.push(here === "ABSENT" ? (isNegated ? "PRESENT" : "ABSENT") : "UNKNOWN");
      continue;
    }
    const same = here.find((section) => section.line === clean);
    if (same) found.set(at, same);
    presences.push(judge(same !== undefined));

    function judge(isThere: boolean): Presence {
      // Which secret stands there is not told: the device shows another form of it, or none.
      if (isThere) return clean.includes(redacted) ? "UNKNOWN" : "PRESENT";
      if (clean.includes("\n") || clean.startsWith("default ")) return "UNKNOWN";
      const what = isNegated ? clean.slice(negate!.length + 1) : clean;
      const siblings = here as Section[];
      if (isNegated) {
        if (siblings.some((section) => section.line === what || section.line.startsWith(`${what} `))) return "ABSENT";
      } else if (siblings.some((section) => section.line === `${negate} ${what}`)) return "ABSENT";
      const isSpelledOut = firstWords.has(firstWord(what)) || (rules.single?.test(what) ?? false);
      if (!isSpelledOut) return "UNKNOWN";
      return isNegated ? "PRESENT" : "ABSENT";
    }
  }
  return presences;
}

/** What the lines come to together. Lines that open a section for others say nothing by themselves. */
export function standingOf(
  rules: ConfigurationRules,
  lines: readonly ConfigurationLine[],
  presences: readonly (Presence | undefined)[],
): Standing {
  const openers = new Set(rules.flat ? [] : placeLines(rules, lines).flatMap(({ within }) => within));
  const counted = presences.filter((presence, at) => presence !== undefined && !openers.has(at));
  if (counted.length === 0 || counted.includes("UNKNOWN")) return "UNKNOWN";
  if (counted.every((presence) => presence === "PRESENT")) return "ALL";
  return counted.every((presence) => presence === "ABSENT") ? "NONE" : "SOME";
}

function findFlat(flat: FlatRules | undefined, line: string, running: string, redactor: Redactor): Presence {
  if (!flat) return "UNKNOWN";
  const shown = redactor.redact(running).split("\n").map(plain);
  const clean = plain(redactor.redact(line));
  if (clean.startsWith(`${flat.set} `)) {
    const isThere = shown.some((one) => one === clean || one.startsWith(`${clean} `));
    return isThere && clean.includes(redacted) ? "UNKNOWN" : isThere ? "PRESENT" : "ABSENT";
  }
  if (!clean.startsWith(`${flat.delete} `)) return "UNKNOWN";
  const gone = `${flat.set} ${clean.slice(flat.delete.length + 1)}`;
  return shown.some((one) => one === gone || one.startsWith(`${gone} `)) ? "ABSENT" : "PRESENT";
}

/** A flat line without what may be written or left out: blanks and quotation marks. */
function plain(line: string): string {
  return line.trim().replace(/["']/g, "").replace(/\s+/g, " ");
}

function firstWord(line: string): string {
  return /^\S*/.exec(line.trim())?.[0] ?? "";
}
