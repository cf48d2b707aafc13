import { patternProblem } from "./pattern-cost.js";

/** A definition that does not hold, with the field that is wrong: `transitions.exec>enable.ask[0].match`. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
  readonly field: string;
  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`);
    this.field = field;
  }
}

/** A value of a parsed YAML document and where it stands. Every method throws a DefinitionError that names the field. */
export interface Reader {
  readonly field: string;
  readonly absent: boolean;
  text(fallback?: string): string;
  /** A text, or null where there is none. */
  textOrNull(): string | null;
  oneOf<T extends string>(values: readonly T[], fallback?: T): T;
  /** True or false. */
  flag(fallback?: boolean): boolean;
  /** A whole number of at least `least`, by default 0. */
  count(fallback?: number, least?: number): number;
  pattern(groups?: readonly string[]): RegExp;
  /** Several patterns as one, or undefined when there are none. */
  anyPattern(): RegExp | undefined;
  list<T>(read: (item: Reader) => T): T[];
  entries<T>(read: (key: string, value: Reader) => T): T[];
  /** The named fields of a mapping; any other field is an error. */
  object<K extends string>(...fields: readonly K[]): Record<K, Reader>;
  fail(problem: string): never;
}

/** The names of a pattern's groups. */
function groupsOf({ source }: RegExp): ReadonlySet<string> {
  return new Set(Object.keys(new RegExp(`${source}|`).exec("")?.groups ?? {}));
}

/** A pattern whose groups have no names, so that it can stand beside others that have the same. */
function withoutNames(source: string): string {
  return source.replace(/\\[^]|\[(?:[^\]\\]|\\[^])*\]|\(\?<(?![=!])[^>]+>/g, (part) =>
    part.startsWith("(") ? "(?:" : part,
  );
}

/** Reads a parsed YAML value. */
export function createReader(value: unknown, field: string): Reader {
  const fail = (problem: string): never => {
    throw new DefinitionError(field, problem);
  };
  const absent = value === undefined;
  const asText = (): string => (typeof value === "string" ? value : fail("expected a text"));
  const compile = (source: string, flags: string): RegExp => {
    let pattern: RegExp;
    try {
      pattern = new RegExp(source, flags);
    } catch (error) {
      return fail(`not a regular expression: ${(error as Error).message}`);
    }
    const problem = patternProblem(source);
    return problem === undefined ? pattern : fail(problem);
  };
  const asMapping = (): Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : fail("expected a mapping");
  const asList = (): unknown[] => (absent ? [] : Array.isArray(value) ? value : fail("expected a list"));

  return {
    field,
    absent,
    fail,
    text: (fallback) => (absent && fallback !== undefined ? fallback : asText()),
    textOrNull: () => (absent || value === null ? null : asText()),
    oneOf(values, fallback) {
      if (absent && fallback !== undefined) return fallback;
      return values.find((one) => one === value) ?? fail(`expected one of ${values.join(", ")}`);
    },
    flag(fallback) {
      if (absent && fallback !== undefined) return fallback;
      return typeof value === "boolean" ? value : fail("expected true or false");
    },
    count(fallback, least = 0) {
      if (absent && fallback !== undefined) return fallback;
      return Number.isSafeInteger(value) && (value as number) >= least
        ? (value as number)
        : fail(`expected a whole number of at least ${least}`);
    },
    pattern(groups = []) {
      const source = asText();
      const pattern = compile(source, "");
      const named = groupsOf(pattern);
      for (const group of groups) if (!named.has(group)) fail(`needs a group named ${group}`);
      return pattern;
    },
    anyPattern() {
      const sources = asList().map((item, index) => {
        if (typeof item !== "string") throw new DefinitionError(`${field}[${index}]`, "expected a text");
        return `(?:${withoutNames(createReader(item, `${field}[${index}]`).pattern().source)})`;
      });
      return sources.length === 0 ? undefined : new RegExp(sources.join("|"));
    },
    list: (read) => asList().map((item, index) => read(createReader(item, `${field}[${index}]`))),
    entries: (read) =>
      absent ? [] : Object.entries(asMapping()).map(([key, item]) => read(key, createReader(item, `${field}.${key}`))),
    object<K extends string>(...fields: readonly K[]) {
      const mapping = absent ? {} : asMapping();
      const prefix = field === "" ? "" : `${field}.`;
      for (const key of Object.keys(mapping)) {
        if (!(fields as readonly string[]).includes(key)) throw new DefinitionError(`${prefix}${key}`, "unknown field");
      }
      return Object.fromEntries(fields.map((key) => [key, createReader(mapping[key], `${prefix}${key}`)])) as Record<
        K,
        Reader
      >;
    },
  };
}
