/** The outcome of looking a line up in a {@link CommandTree}. Columns count from the start of the line, from 0. */
export type Lookup<Entry> =
  | {
      readonly kind: "found";
      readonly entry: Entry;
      /** The line with every keyword written out. */
      readonly canonical: string;
      /** The keywords before the first value: what `no …` and a replacing line have in common. */
      readonly stem: string;
      /** Values by name. */
      readonly values: Readonly<Record<string, string>>;
    }
  | { readonly kind: "invalid"; readonly column: number; readonly token: number; readonly text: string }
  | { readonly kind: "ambiguous"; readonly column: number }
  | { readonly kind: "incomplete"; readonly column: number; readonly canonical: string };

/** Command lines by syntax; keywords may be shortened as long as they stay unique. */
export interface CommandTree<Entry> {
  /**
   * Adds a syntax: words, `<name>` (any word), `<name:1-4094>` (a number), `<name:ip>`, `<name:interface>` (a name such
   * as `Gi0/1` or `gi 0/1`), `<name...>` (the rest of the line). A later syntax replaces an equal one.
   */
  add(syntax: string, entry: Entry): void;
  find(line: string): Lookup<Entry>;
  /** What may stand next after the words of `line`, or complete its last word. */
  next(line: string): string[];
}

interface Value {
  readonly name: string;
  readonly type: string;
}

interface Node<Entry> {
  readonly keywords: Map<string, Node<Entry>>;
  value: Value | undefined;
  after: Node<Entry> | undefined;
  entry: Entry | undefined;
}

/** `interfaces` are the interface types in full (`GigabitEthernet`), to which shortened names are completed. */
export function createCommandTree<Entry>(interfaces: readonly string[]): CommandTree<Entry> {
  const root = createNode<Entry>();

  return {
    add(syntax, entry) {
      let node = root;
      for (const word of syntax.split(" ")) node = descend(node, word, syntax);
      node.entry = entry;
    },

    find(line) {
      const tokens = [...line.matchAll(/\S+/g)];
      const words: string[] = [];
      const values: Record<string, string> = {};
      let stem: string | undefined;
      let node = root;
      for (let at = 0; at < tokens.length; at++) {
        const token = tokens[at]!;
        const keyword = chooseKeyword(node, token[0].toLowerCase());
        if (keyword === "ambiguous") return { kind: "ambiguous", column: token.index };
        if (keyword !== undefined) {
          words.push(keyword);
          node = node.keywords.get(keyword)!;
          continue;
        }
        const read = node.value && readValue(node.value.type, tokens, at, line, interfaces);
        if (!read || !node.value || !node.after) {
          const column = token.index + agreement(node, token[0].toLowerCase());
          return { kind: "invalid", column, token: at, text: token[0] };
        }
        stem ??= words.join(" ");
        words.push(read.text);
        values[node.value.name] = read.text;
        at += read.tokens - 1;
        node = node.after;
      }
      const canonical = words.join(" ");
      if (node.entry === undefined) return { kind: "incomplete", column: line.trimEnd().length, canonical };
      return { kind: "found", entry: node.entry, canonical, stem: stem ?? canonical, values };
    },

    next(line) {
      const words = line.split(/\s+/).filter((word) => word !== "");
      const last = /\s$/.test(line) ? "" : (words.pop() ?? "").toLowerCase();
      let node = root;
      for (const word of words) {
        const keyword = chooseKeyword(node, word.toLowerCase());
        const following = keyword === undefined ? node.after : node.keywords.get(keyword);
        if (!following) return [];
        node = following;
      }
      const expected = [...node.keywords.keys()].filter((word) => word.startsWith(last)).sort();
      if (node.value && last === "") expected.push(node.value.name.toUpperCase());
      if (node.entry !== undefined && last === "") expected.push("<cr>");
      return expected;
    },
  };
}

function createNode<Entry>(): Node<Entry> {
  return { keywords: new Map(), value: undefined, after: undefined, entry: undefined };
}

function descend<Entry>(node: Node<Entry>, word: string, syntax: string): Node<Entry> {
  const value = /^<([\w-]+)(?::([\w.-]+))?(\.\.\.)?>$/.exec(word);
  if (!value) {
    const known = node.keywords.get(word.toLowerCase()) ?? createNode<Entry>();
    node.keywords.set(word.toLowerCase(), known);
    return known;
  }
  const type = value[3] ? "rest" : (value[2] ?? "word");
  if (node.value && node.value.type !== type) throw new Error(`"${syntax}": two kinds of value in one place`);
  node.value = { name: value[1]!, type };
  node.after ??= createNode<Entry>();
  return node.after;
}

function chooseKeyword<Entry>(node: Node<Entry>, word: string): string | undefined {
  if (node.keywords.has(word)) return word;
  let only: string | undefined;
  for (const keyword of node.keywords.keys()) {
    if (!keyword.startsWith(word)) continue;
    if (only !== undefined) return "ambiguous";
    only = keyword;
  }
  return only;
}

/** How many letters of `word` some keyword shares: devices point at the first letter they cannot follow. */
function agreement<Entry>(node: Node<Entry>, word: string): number {
  let most = 0;
  for (const keyword of node.keywords.keys()) {
    let same = 0;
    while (same < word.length && word[same] === keyword[same]) same++;
    most = Math.max(most, same);
  }
  return most;
}

interface Read {
  readonly text: string;
  /** Words that the value takes. */
  readonly tokens: number;
}

function readValue(
  type: string,
  tokens: readonly RegExpExecArray[],
  at: number,
  line: string,
  interfaces: readonly string[],
): Read | undefined {
  const token = tokens[at]!;
  const text = token[0];
  if (type === "word") return { text, tokens: 1 };
  if (type === "rest") return { text: line.slice(token.index).trimEnd(), tokens: tokens.length - at };
  if (type === "ip") return isAddress(text) ? { text, tokens: 1 } : undefined;
  if (type === "interface") return readInterface(tokens, at, interfaces);
  const [low, high] = type.split("-").map(Number);
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return number >= low! && number <= high! ? { text, tokens: 1 } : undefined;
}

function isAddress(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

function readInterface(
  tokens: readonly RegExpExecArray[],
  at: number,
  interfaces: readonly string[],
): Read | undefined {
  const own = /^([A-Za-z-]+)([\d/.:]+)?$/.exec(tokens[at]![0]);
  if (!own) return undefined;
  const full = interfaces.find((name) => name.toLowerCase().startsWith(own[1]!.toLowerCase()));
  if (full === undefined) return undefined;
  if (own[2] !== undefined) return { text: full + own[2], tokens: 1 };
  const number = tokens[at + 1]?.[0];
  return number !== undefined && /^[\d/.:]+$/.test(number) ? { text: full + number, tokens: 2 } : undefined;
}
