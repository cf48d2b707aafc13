import type { ConfigurationLine } from "./configuration-lines.js";
import type { ConfigurationRules } from "./configuration-rules.js";

/** A configuration as the tree that its indentation tells. */
export interface Section {
  readonly line: string;
  below: Section[];
}

/** Reads a running configuration. Lines that the platform ignores are left out. */
export function readTree(rules: ConfigurationRules, text: string): Section[] {
  const top: Section[] = [];
  const open: { readonly indent: number; readonly below: Section[] }[] = [{ indent: -1, below: top }];
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "" || rules.comment?.test(raw) || rules.ignore?.test(raw)) continue;
    const indent = raw.length - raw.trimStart().length;
    while (open.length > 1 && (open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const section: Section = { line, below: [] };
    open.at(-1)?.below.push(section);
    open.push({ indent, below: section.below });
  }
  return top;
}

/** A line of input in the section it is typed in. */
export interface PlacedLine {
  /** Trimmed, with the lines of its block below it. */
  readonly line: string;
  /** The lines of input that open the sections around it, as their places in the input. */
  readonly within: readonly number[];
  /** It only leaves a section, or is nothing that a running configuration is looked through for. */
  readonly leaves: boolean;
}

/**
 * Finds out which section each line of input is typed in. In input without any indentation, what follows a line that
 * opens a section is taken to stand in it, up to the next such line or `exit`.
 */
export function placeLines(rules: ConfigurationRules, lines: readonly ConfigurationLine[]): PlacedLine[] {
  const flat = lines.every(({ text }) => !/^\s/.test(text));
  let open: { readonly indent: number; readonly at: number }[] = [];
  return lines.map(({ text, block }, at) => {
    const line = [text.trim(), ...(block?.lines ?? [])].join("\n");
    const opens = rules.sections?.test(text.trim()) ?? false;
    const indent = text.length - text.trimStart().length + (flat && !opens && open.length > 0 ? 1 : 0);
    while (open.length > 0 && (open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const within = open.map((section) => section.at);
    const leaves = line === "exit" || line === rules.up || (rules.ignore?.test(text) ?? false);
    if (leaves && flat) open = [];
    // Without indentation only a line that opens a section can have others in it.
    else if (!leaves && (opens || !flat)) open.push({ indent, at });
    return { line, within, leaves };
  });
}
