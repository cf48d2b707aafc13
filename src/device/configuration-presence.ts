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
 * there is absent only when the device spells such lines as it is spelled: one whose words may be those of another cut
 * down, or that the device shows in another form, stays unknown. Undefined: the line only leaves a section.
 */
export function findLines(
  rules: ConfigurationRules,
  running: string,
  lines: readonly ConfigurationLine[],
  redactor: Redactor,
): (Presence | undefined)[] {
  const mayBe = createComparison();
  if (rules.flat) return lines.map(({ text }) => findFlat(rules.flat, text.trim(), running, redactor, mayBe));
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
      if (siblings.some((section) => mayBe(what, section.line) === "whole")) return "UNKNOWN";
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

function findFlat(
  flat: FlatRules | undefined,
  line: string,
  running: string,
  redactor: Redactor,
  mayBe: Comparison,
): Presence {
  if (!flat) return "UNKNOWN";
  const shown = redactor.redact(running).split("\n").map(plain);
  const clean = plain(redactor.redact(line));
  if (clean.startsWith(`${flat.set} `)) {
    const isThere = shown.some((one) => one === clean || one.startsWith(`${clean} `));
    if (isThere) return clean.includes(redacted) ? "UNKNOWN" : "PRESENT";
    return shown.some((one) => mayBe(clean, one)) ? "UNKNOWN" : "ABSENT";
  }
  if (!clean.startsWith(`${flat.delete} `)) return "UNKNOWN";
  const gone = `${flat.set} ${clean.slice(flat.delete.length + 1)}`;
  if (shown.some((one) => one === gone || one.startsWith(`${gone} `))) return "ABSENT";
  return shown.some((one) => mayBe(gone, one)) ? "UNKNOWN" : "PRESENT";
}

/** Whether a line may be the whole of another, or its beginning, in other letters and with words cut down. */
type Comparison = (typed: string, shown: string) => "whole" | "beginning" | undefined;

/** `ip rou` may be `ip route`, and `Gi0/1` `GigabitEthernet0/1`: letters may be fewer, digits and signs are the same. */
function createComparison(): Comparison {
  const known = new Map<string, readonly string[]>();
  const partsOf = (line: string): readonly string[] => {
    let parts = known.get(line);
    if (!parts) known.set(line, (parts = line.toLowerCase().match(/[a-z][a-z_-]*|\d+|[^a-z\d\s]/g) ?? []));
    return parts;
  };
  return (typed, shown) => {
    const [wanted, there] = [partsOf(typed), partsOf(shown)];
    const fits = wanted.every((part, at) => (/^[a-z]/.test(part) ? there[at]?.startsWith(part) : there[at] === part));
    if (!fits) return undefined;
    return wanted.length === there.length ? "whole" : "beginning";
  };
}

/** A flat line without what may be written or left out: blanks and quotation marks. */
function plain(line: string): string {
  return line.trim().replace(/["']/g, "").replace(/\s+/g, " ");
}

function firstWord(line: string): string {
  return /^\S*/.exec(line.trim())?.[0] ?? "";
}
