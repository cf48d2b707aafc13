/** What stands where a secret stood. */
export const redacted = "<redacted>";

/** Removes secrets from text. */
export interface Redactor {
  /** One or more whole lines. */
  redact(text: string): string;
  /** The same length and the secrets' characters as `*`, for records whose offsets must stay. */
  mask(text: string): string;
  /** How many characters at the end of a text may be the beginning of one of our own secrets. */
  begun(text: string): number;
}

/** A password in an address, on whatever platform. */
const urlPassword = /:\/\/[^\s:/@]{1,64}:(?<secret>[^\s/@]{1,64})@/;

/** A pattern that finds secrets: `has` tells cheaply that a line has none, as nearly every line does. */
interface SecretPattern {
  readonly has: RegExp;
  readonly find: RegExp;
}

/** Every job has a redactor of its own, and those of a platform share its patterns. */
const compiled = new WeakMap<RegExp, SecretPattern>();

function compile(pattern: RegExp): SecretPattern {
  const { source, flags } = pattern;
  let made = compiled.get(pattern);
  if (!made) {
    const has = new RegExp(source, flags.replace(/[dgy]/g, ""));
    made = { has, find: new RegExp(source, [...new Set(`${flags}dg`)].join("")) };
    compiled.set(pattern, made);
  }
  return made;
}

/**
 * `patterns` are matched against each line; what their group `secret` caught is removed. `literals` (our own passwords and
 * keys) are removed wherever they stand; those shorter than 4 characters only as whole words, since they would tear up
 * ordinary text.
 */
export function createRedactor(patterns: readonly RegExp[], literals: readonly (string | undefined)[] = []): Redactor {
  const places = [...patterns, urlPassword].map(compile);
  const own = literals
    .filter((literal): literal is string => literal !== undefined && literal.trim() !== "")
    .flatMap((literal) =>
      literal.includes("\n") ? literal.split("\n").filter((line) => line.trim().length > 16) : [literal],
    )
    .sort((a, b) => b.length - a.length);
  const known = own.map((literal) => {
    const escaped = literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(literal.length < 4 ? `(?<![\\w])${escaped}(?![\\w])` : escaped, "g");
  });

  const replaceIn = (line: string, put: (secret: string) => string): string => {
    let result = line;
    for (const { has, find } of places) {
      if (!has.test(result)) continue;
      let cut = "";
      let from = 0;
      for (const match of result.matchAll(find)) {
        const span = match.indices?.groups?.["secret"];
        if (!span || span[0] < from) continue;
        cut += result.slice(from, span[0]) + put(result.slice(span[0], span[1]));
        from = span[1];
      }
      if (from > 0) result = cut + result.slice(from);
    }
    for (const literal of known) result = result.replace(literal, put);
    return result;
  };
  const each = (text: string, put: (secret: string) => string): string =>
    text
      .split("\n")
      .map((line) => replaceIn(line, put))
      .join("\n");

  return {
    redact: (text) => each(text, () => redacted),
    mask: (text) => each(text, (secret) => "*".repeat(secret.length)),
    begun(text) {
      // A whole one may end as it begins.
      const open = known.reduce((left, literal) => left.replace(literal, (whole) => "\0".repeat(whole.length)), text);
      return Math.max(0, ...own.map((literal) => overlap(open, literal)));
    },
  };
}

/** How many characters `text` ends with that `next` begins with, but for the whole of it. */
function overlap(text: string, next: string): number {
  let length = Math.min(text.length, next.length - 1);
  while (length > 0 && !text.endsWith(next.slice(0, length))) length--;
  return length;
}

/** A redactor for text that comes in pieces. */
export interface RedactingStream {
  /** The redacted text of all lines that are complete by now. */
  push(text: string): string;
  /** The redacted rest, at the end. */
  flush(): string;
}

/** Beyond this a line is passed on in pieces, none of which ends in one of our own secrets, so that memory stays bounded. */
const longestLine = 65_536;

/** Holds back the last line until its end is known, since a secret may be cut in two. */
export function createRedactingStream(redactor: Redactor): RedactingStream {
  let kept = "";
  return {
    push(text) {
      const end = text.lastIndexOf("\n") + 1;
      if (end === 0) {
        kept += text;
        if (kept.length <= longestLine) return "";
        const long = kept.slice(0, kept.length - redactor.begun(kept));
        kept = kept.slice(long.length);
        return redactor.redact(long);
      }
      const whole = kept + text.slice(0, end);
      kept = text.slice(end);
      return redactor.redact(whole);
    },
    flush() {
      const rest = kept;
      kept = "";
      return redactor.redact(rest);
    },
  };
}
