/** The fields of a mapping, read by name and kind; every error names file and field. */
export interface Fields {
  has(name: string): boolean;
  text(name: string, otherwise?: string): string;
  number(name: string, otherwise?: number): number;
  flag(name: string): boolean;
  texts(name: string): Record<string, string>;
  list<Item>(name: string, read: (value: unknown, path: string) => Item): Item[];
  map<Item>(name: string, read: (value: unknown, path: string) => Item): Record<string, Item>;
  fields(name: string, allowed: readonly string[]): Fields;
}

/** Reads an object field by field; unknown names are errors, so that a slip of the pen cannot pass unseen. */
export function fields(value: unknown, path: string, allowed: readonly string[]): Fields {
  const object = asObject(value, path);
  for (const name of Object.keys(object)) {
    if (!allowed.includes(name)) throw new Error(`${path}: unknown field "${name}"`);
  }
  const at = (name: string): string => `${path}: ${name}`;
  const self: Fields = {
    has: (name) => object[name] !== undefined,
    text: (name, otherwise) =>
      (object[name] ?? otherwise) === undefined || object[name] !== undefined
        ? asText(object[name], at(name))
        : otherwise!,
    number(name, otherwise) {
      const found = object[name] ?? otherwise;
      if (typeof found !== "number") throw new Error(`${at(name)} must be a number`);
      return found;
    },
    flag(name) {
      const found = object[name] ?? false;
      if (typeof found !== "boolean") throw new Error(`${at(name)} must be true or false`);
      return found;
    },
    texts: (name) => self.map(name, asText),
    list(name, read) {
      const found = object[name] ?? [];
      return (typeof found === "string" ? [found] : asList(found, at(name))).map((item, index) =>
        read(item, `${at(name)}[${index}]`),
      );
    },
    map(name, read) {
      const entries = Object.entries(asObject(object[name] ?? {}, at(name)));
      return Object.fromEntries(entries.map(([key, item]) => [key, read(item, `${at(name)}.${key}`)]));
    },
    fields: (name, names) => fields(object[name], at(name), names),
  };
  return self;
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path} must be a mapping`);
  return value as Record<string, unknown>;
}

/** A list, or an error with its place. */
export function asList(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${path} must be a list`);
  return value;
}

/** A text, or an error with its place. */
export function asText(value: unknown, path: string): string {
  if (typeof value !== "string") throw new Error(`${path} must be text`);
  return value;
}
