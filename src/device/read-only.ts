/** What counts as reading on a platform. A word `sh(ow)` may be cut down to `sh`. Lower and upper case are the same. */
export interface ReadOnlyRules {
  /** Beginnings of command lines, word by word: `sh(ow)`, `dir`, `uname -a`. What follows them is free. */
  readonly commands: readonly string[];
  /** First words behind a `|` that only filter. */
  readonly pipes: readonly string[];
  /** Lines that match do more than read, whatever they begin with. */
  readonly except: RegExp | undefined;
}

/** Separators, redirections, background, substitution: none of these can be part of a line that only reads. */
const disqualifying = /[\x00-\x1f\x7f;&<>`]|\$[({]|\$\w/;

/**
 * Whether a whole command line certainly only reads. When in doubt the answer is no. `more` are an operator's additional
 * command beginnings for this platform. The caller disqualifies lines that come with answers to questions.
 */
export function isReadOnly(rules: ReadOnlyRules, line: string, more: readonly string[] = []): boolean {
  if (disqualifying.test(line) || rules.except?.test(line)) return false;
  const [command = "", ...pipes] = line.split("|");
  if (![...rules.commands, ...more].some((beginning) => beginsWith(command, beginning))) return false;
  return pipes.every((segment, index) => {
    if (rules.pipes.some((word) => beginsWith(segment, word))) return true;
    return index > 0 && isAlternative(pipes, index);
  });
}

/**
 * `include a|b|c`: the bars between the words of a filter's pattern. Only without blanks on either side, so that none of
 * them can be a filter of its own that takes a file name.
 */
function isAlternative(pipes: readonly string[], index: number): boolean {
  const before = pipes[index - 1] ?? "";
  const here = pipes[index] ?? "";
  const isLast = index === pipes.length - 1;
  return !/\s$/.test(before) && /^\S+$/.test(isLast ? here.trimEnd() : here);
}

function beginsWith(text: string, beginning: string): boolean {
  const words = text.trim().toLowerCase().split(/\s+/);
  return beginning
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .every((pattern, index) => matchesWord(words[index] ?? "", pattern));
}

function matchesWord(word: string, pattern: string): boolean {
  const cut = pattern.indexOf("(");
  if (cut < 0) return word === pattern;
  const full = pattern.replace(/[()]/g, "");
  return word.length >= cut && full.startsWith(word);
}
