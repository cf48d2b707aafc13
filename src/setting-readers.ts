import { checkNetwork } from "./outbound/address-rule.js";
import { parseRedisUrl } from "./store/redis-place.js";

// How values of settings are read. Each throws what is wrong, as the rest of a sentence: "must be a whole number".

export function string(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new Error("must be text");
  return value;
}

export function optionalString(value: unknown): string | undefined {
  return string(value);
}

export function redisUrl(value: unknown): string {
  const url = string(value);
  parseRedisUrl(url);
  return url;
}

export function whole(min: number, max: number): (value: unknown) => number {
  return (value) => {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
      throw new Error(`must be a whole number from ${min} to ${max}`);
    }
    return number;
  };
}

export function choice<T extends string>(...values: readonly T[]): (value: unknown) => T {
  return (value) => {
    const found = values.find((one) => one === value);
    if (found === undefined) throw new Error(`must be one of ${values.join(", ")}`);
    return found;
  };
}

export function yesNo(value: unknown): boolean {
  if (value === true || value === "true" || value === "1") return true;
  if (value === false || value === "false" || value === "0") return false;
  throw new Error("must be true or false");
}

export function names(value: unknown): readonly string[] {
  const list: unknown[] =
    typeof value === "string" ? value.split(",").map((part) => part.trim()) : (value as unknown[]);
  if (!Array.isArray(list) || list.length === 0) throw new Error("must be a list of names");
  const checked = list.map((name) => {
    if (typeof name !== "string" || !/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
      throw new Error(`holds ${JSON.stringify(name)}: names are lower-case letters, digits and dashes, at most 32`);
    }
    return name;
  });
  return [...new Set(checked)];
}

/** "site=fra,rack=7", or a list of such pairs. */
export function labels(value: unknown): Readonly<Record<string, string>> {
  const list: unknown[] = typeof value === "string" ? value.split(",") : (value as unknown[]);
  const problem = new Error("must be at most 32 labels such as site=fra,rack=7");
  if (!Array.isArray(list) || list.length > 32) throw problem;
  const pairs = list.map((pair) => /^\s*([A-Za-z0-9][A-Za-z0-9._/-]{0,62})=(.{0,128})$/.exec(String(pair)));
  return Object.fromEntries(
    pairs.map((pair) => {
      if (!pair) throw problem;
      return [pair[1] ?? "", (pair[2] ?? "").trim()];
    }),
  );
}

/** A list of words; in the environment joined by commas. */
export function words(value: unknown): readonly string[] {
  const list: unknown[] =
    typeof value === "string" ? value.split(",").map((part) => part.trim()) : (value as unknown[]);
  if (!Array.isArray(list) || !list.every((one) => typeof one === "string" && one !== "")) {
    throw new Error("must be a list of words");
  }
  return [...new Set(list as string[])];
}

export function networks(value: unknown): readonly string[] {
  const list = words(value);
  for (const network of list) checkNetwork(network);
  return list;
}

export function nodeName(value: unknown): string | undefined {
  const name = string(value);
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/.test(name)) return name;
  throw new Error("must be letters, digits, dots, dashes and underscores, at most 128");
}
