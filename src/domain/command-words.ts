/** How the lines of a kind of device are divided into commands and words. */
export interface CommandGrammar {
  /** A word may be cut down to its beginning. */
  readonly abbreviates: boolean;
  /** Texts that end one command and begin another, such as `;`. */
  readonly separators: readonly string[];
  /** Beginnings right behind which another command stands, such as `do`. */
  readonly leaders: readonly CommandPattern[];
  /** Beginnings somewhere behind which another command may stand, such as `sudo`. */
  readonly wrappers: readonly CommandPattern[];
  /** What a slash is: a part of its word, the place between two words, or the end of a program's folder. */
  readonly slashes: "in_words" | "between_words" | "in_paths";
}

/**
 * The beginning of a command, word by word: `write erase`. What follows is free. A word may be cut down to what stands
 * before its bracket, `rel(oad)`; `a|b` is either; `*` in a word is any text, and alone any word; `**` is any number of
 * words, or none; words that begin with `-` or hold a `=` may stand anywhere, letters of options together or apart; `$`
 * at the end: nothing follows.
 */
export interface CommandPattern {
  readonly text: string;
  /** What each word may be; {@link anyWords} for `**`. */
  readonly words: readonly (readonly Keyword[])[];
  readonly options: readonly string[];
  readonly whole: boolean;
}

interface Keyword {
  readonly full: string;
  /** The fewest characters by its brackets; undefined where it has none. */
  readonly least: number | undefined;
  /** Set where it holds a `*`. */
  readonly glob: RegExp | undefined;
}

/** What stands for `**`. */
export const anyWords: readonly Keyword[] = [];

/** Reads a pattern. Throws a RangeError that says what is wrong. */
export function parseCommandPattern(text: string): CommandPattern {
  const words = text.trim().toLowerCase().split(/\s+/);
  const whole = words.at(-1) === "$";
  if (whole) words.pop();
  if (words.length === 0 || words[0] === "") throw new RangeError("names no command");
  const isOption = (word: string): boolean => word.startsWith("-") || word.includes("=");
  const named = words
    .filter((word) => !isOption(word))
    .map((word) => (word === "**" ? anyWords : word.split("|").map(keyword)));
  if (named.length === 0) throw new RangeError("names options without a command");
  return { text, words: named, options: words.filter(isOption), whole };
}

function keyword(word: string): Keyword {
  const [, head = "", tail] = /^([^()]*)(?:\(([^()]*)\))?$/.exec(word) ?? [];
  if (head === "")
    throw new RangeError(`"${word}" is no word: a bracket stands at its end, behind what is always typed`);
  if (word.includes("**")) throw new RangeError(`"${word}": ** stands alone, for any number of words`);
  if (word.includes("*")) {
    if (tail !== undefined) throw new RangeError(`"${word}" has both a bracket and a *`);
    return { full: word, least: undefined, glob: wildcard(word) };
  }
  return { full: head + (tail ?? ""), least: tail === undefined ? undefined : head.length, glob: undefined };
}

/** In a pattern of ours, or typed for the device to fill in, as in `disable "*"`. */
function wildcard(word: string): RegExp {
  const parts = word.split(/\*+/).map((part) => part.replace(/[\\^$.+?()|{}[\]]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

/**
 * Every command that a line may be read as, as its words in lower case: with a tab or a `?` as what the device may make
 * of it (nothing, or a blank), without quotes, and with what leads to another command both there and gone.
 */
export function readCommands(grammar: CommandGrammar, line: string): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  const texts = new Set([line.replace(/[\t?]/g, " "), line.replace(/[\t?]/g, "")]);
  for (const text of texts) {
    for (const command of divide(grammar, text.toLowerCase())) {
      for (const words of behindLeaders(grammar, command)) found.set(words.join(" "), words);
    }
  }
  return [...found.values()];
}

function divide(grammar: CommandGrammar, text: string): string[][] {
  let parts = [text];
  for (const separator of grammar.separators) parts = parts.flatMap((part) => part.split(separator));
  return parts
    .map((part) => part.replace(/["'`\\]/g, "").replaceAll("|", " | "))
    .map((part) => (grammar.slashes === "between_words" ? part.replaceAll("/", " ") : part))
    .map((part) => part.split(/\s+/).filter((word) => word !== ""))
    .filter((words) => words.length > 0);
}

/** A shell's `LANG=C`, right behind which a command stands. */
const isAssignment = /^[a-z_]\w*\+?=/;

function behindLeaders(grammar: CommandGrammar, first: readonly string[]): readonly (readonly string[])[] {
  const all: (readonly string[])[] = [];
  const seen = new Set<number>();
  const open = [0];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    if (seen.has(from) || from >= first.length) continue;
    seen.add(from);
    const words = withoutFolder(grammar, first.slice(from));
    all.push(words);
    if (grammar.slashes === "in_paths" && isAssignment.test(words[0] ?? "")) open.push(from + 1);
    for (const leader of grammar.leaders) {
      if (mayBegin(grammar, words, leader)) open.push(from + leader.words.length);
    }
    for (const wrapper of grammar.wrappers) {
      if (!mayBegin(grammar, words, wrapper)) continue;
      for (let next = from + wrapper.words.length; next < first.length; next++) open.push(next);
    }
  }
  return all;
}

function withoutFolder({ slashes }: CommandGrammar, words: readonly string[]): readonly string[] {
  const [program = "", ...rest] = words;
  return slashes === "in_paths" ? [program.slice(program.lastIndexOf("/") + 1), ...rest] : words;
}

/** Whether a command may be what a pattern names: in doubt, it may. */
export function mayBegin({ abbreviates }: CommandGrammar, words: readonly string[], pattern: CommandPattern): boolean {
  return fits(words, pattern, (word, { full, least }) => {
    if (word.includes("*")) return wildcard(word).test(full);
    if (!abbreviates) return word === full;
    return word.length >= (least ?? 1) && full.startsWith(word);
  });
}

/** Whether a command certainly is what a pattern names: words are whole, or cut down as far as its brackets allow. */
export function surelyBegins(
  { abbreviates }: CommandGrammar,
  words: readonly string[],
  pattern: CommandPattern,
): boolean {
  return fits(words, pattern, (word, { full, least = full.length }) =>
    abbreviates ? word.length >= least && full.startsWith(word) : word === full,
  );
}

function fits(
  words: readonly string[],
  pattern: CommandPattern,
  matches: (word: string, keyword: Keyword) => boolean,
): boolean {
  const named = pattern.options.length > 0 || words.some(isOption) ? words.filter((word) => !isOption(word)) : words;
  // How many words may be used up by what the pattern has named so far: more than one number behind a `**` alone.
  let used = [0];
  for (const choices of pattern.words) {
    if (choices === anyWords) {
      const least = used[0]!;
      used = Array.from({ length: named.length - least + 1 }, (_, more) => least + more);
    } else {
      used = used.filter((at) => choices.some((choice) => isMet(named[at], choice, matches))).map((at) => at + 1);
    }
    if (used.length === 0) return false;
  }
  if (pattern.whole && used.at(-1) !== named.length) return false;
  return pattern.options.every((option) => hasOption(words, option));
}

function isMet(
  word: string | undefined,
  choice: Keyword,
  matches: (word: string, keyword: Keyword) => boolean,
): boolean {
  return word !== undefined && (choice.glob?.test(word) ?? matches(word, choice));
}

function isOption(word: string): boolean {
  return /^-{1,2}[a-z]/.test(word);
}

/** `-r` also stands in `-vr`, `--recursive` also in `--rec`: shells' programs take both. */
function hasOption(words: readonly string[], option: string): boolean {
  if (option.startsWith("--"))
    return words.some((word) => /^--\w/.test(word) && option.startsWith(word.split("=")[0]!));
  if (!option.startsWith("-")) return words.some((word) => keyword(option).glob?.test(word) ?? word === option);
  const given = words.filter((word) => /^-[a-z]/.test(word)).join("");
  return [...option.slice(1)].every((letter) => given.includes(letter));
}
