/** A set of characters, one bit for each of {@link sampleCharacters}. */
export type CharacterSet = bigint;

/** A regular expression as far as its running time depends on it. */
export type PatternNode =
  | { readonly kind: "characters"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly items: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly options: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly item: PatternNode; readonly min: number; readonly max: number }
  /** `^`, `$`, `\b`, and what looks ahead or behind. */
  | { readonly kind: "assertion"; readonly source: string; readonly inner: PatternNode | undefined };

/** ASCII, and one of each other kind that classes tell apart. */
const sampleCharacters = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "é", "\u2028"];

/** Every character. */
export const everyCharacter: CharacterSet = (1n << BigInt(sampleCharacters.length)) - 1n;

const sets = new Map<string, CharacterSet>();

function characterSet(source: string): CharacterSet {
  let set = sets.get(source);
  if (set === undefined) {
    const pattern = new RegExp(`^(?:${source})$`);
    set = sampleCharacters.reduce(
      (bits, char, index) => (pattern.test(char) ? bits | (1n << BigInt(index)) : bits),
      0n,
    );
    sets.set(source, set);
  }
  return set;
}

/** Parses a JavaScript regular expression without flags that compiles. Throws a RangeError for a reference back to a group. */
export function parsePattern(source: string): PatternNode {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };

  const choice = (): PatternNode => {
    const options = [sequence()];
    while (take(/\|/y) !== undefined) options.push(sequence());
    return options.length === 1 && options[0] ? options[0] : { kind: "choice", options };
  };
  const sequence = (): PatternNode => {
    const items: PatternNode[] = [];
    while (at < source.length && source[at] !== "|" && source[at] !== ")") items.push(repeated(atom()));
    return { kind: "sequence", items };
  };
  const repeated = (item: PatternNode): PatternNode => {
    const sign = take(/[*+?]|\{\d+(?:,\d*)?\}/y);
    if (sign === undefined) return item;
    take(/\?/y);
    const [min, max] =
      sign === "*" ? [0, Infinity] : sign === "+" ? [1, Infinity] : sign === "?" ? [0, 1] : boundsOf(sign);
    return { kind: "repeat", item, min, max };
  };
  const group = (): PatternNode => {
    const looking = take(/\((?:\?=|\?!|\?<=|\?<!)/y);
    if (looking === undefined) take(/\((?:\?:|\?<[^>]+>)?/y);
    const inner = choice();
    take(/\)/y);
    return looking === undefined ? inner : { kind: "assertion", source: looking, inner };
  };
  const atom = (): PatternNode => {
    if (source[at] === "(") return group();
    const assertion = take(/[\^$]|\\[bB]/y);
    if (assertion !== undefined) return { kind: "assertion", source: assertion, inner: undefined };
    if (take(/\\(?:[1-9]|k<)/y) !== undefined) throw new RangeError("a reference back to a group");
    const text = take(/\[(?:[^\]\\]|\\[^])*\]|\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|c[A-Za-z]|[^])|[^]/y) ?? "";
    return { kind: "characters", set: characterSet(text) };
  };
  return choice();
}

function boundsOf(sign: string): [number, number] {
  const [min = "", max] = sign.slice(1, -1).split(",");
  return [Number(min), max === undefined ? Number(min) : max === "" ? Infinity : Number(max)];
}
