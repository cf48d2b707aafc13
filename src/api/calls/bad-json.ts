import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import type { FieldProblem } from "../../errors.js";

/**
 * Every field of a JSON request that cannot be read as the message, or not as what it says, by its path. The framework's
 * own words are not used: they stop at the first field, often do not name it, and repeat its value, which may be a secret.
 */
export function findBadFields(desc: DescMessage, json: JsonValue, path = ""): FieldProblem[] {
  if (!isObject(json)) return [{ field: path, description: "must be an object" }];
  const seen = new Map<string, string>();
  return Object.entries(json).flatMap(([key, value]): FieldProblem[] => {
    const field = desc.fields.find((one) => one.jsonName === key || one.name === key);
    if (!field) return [{ field: join(path, key.slice(0, 64)), description: `is not a field of ${desc.typeName}` }];
    const at = join(path, field.name);
    const group = field.oneof?.name ?? field.name;
    const before = seen.get(group);
    if (value !== null) seen.set(group, field.name);
    if (before !== undefined && value !== null) {
      const description = before === field.name ? "is given twice" : `cannot be given beside ${before}`;
      return [{ field: at, description }];
    }
    return badValue(desc, field, key, value, at);
  });
}

function badValue(desc: DescMessage, field: DescField, key: string, value: JsonValue, at: string): FieldProblem[] {
  if (value === null) return [];
  if (field.fieldKind === "message" && !isWellKnown(field.message)) return findBadFields(field.message, value, at);
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) return [{ field: at, description: "must be a list" }];
    return value.flatMap((item, index): FieldProblem[] => {
      const place = `${at}[${index}]`;
      if (field.listKind === "message" && !isWellKnown(field.message)) return findBadFields(field.message, item, place);
      return reads(desc, key, [item]) ? [] : [{ field: place, description: expectation(field) }];
    });
  }
  if (field.fieldKind === "map" && isObject(value)) {
    return Object.entries(value).flatMap(([name, item]): FieldProblem[] => {
      const place = `${at}[${JSON.stringify(name.slice(0, 64))}]`;
      // The name is taken for what the object descends from: the entry would be lost.
      if (name === "__proto__") return [{ field: place, description: "is a name that cannot be kept" }];
      return reads(desc, key, { [name]: item }) ? [] : [{ field: place, description: expectation(field) }];
    });
  }
  const isRead = reads(desc, key, value) && !(isTime(field) && typeof value === "string" && !hasItsDay(value));
  return isRead ? [] : [{ field: at, description: expectation(field) }];
}

function isTime(field: DescField): boolean {
  return field.message?.typeName === "google.protobuf.Timestamp";
}

/** Whether the month has the day: 30 February is read as 2 March otherwise. */
function hasItsDay(time: string): boolean {
  const day = time.slice(0, "2026-01-31".length);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

function reads(desc: DescMessage, key: string, value: JsonValue): boolean {
  try {
    fromJson(desc, { [key]: value });
    return true;
  } catch {
    return false;
  }
}

function expectation(field: DescField): string {
  if (field.message?.typeName === "google.protobuf.Duration") return 'must be a duration, such as "30s" or "0.5s"';
  if (isTime(field)) return 'must be a time, such as "2026-01-31T12:00:00Z"';
  if (field.message?.typeName === "google.protobuf.FieldMask") return 'must be field names, such as "address,labels"';
  if (field.message?.typeName === "google.protobuf.Value") return "must be JSON that is not too deep";
  if (field.enum) return `must be a value of ${field.enum.name}`;
  if (field.fieldKind === "map") return `must be names and values (${field.mapKind})`;
  if (field.scalar === undefined) return "must be an object";
  if (field.scalar === ScalarType.STRING) return "must be a string";
  if (field.scalar === ScalarType.BOOL) return "must be true or false";
  return `must be a number (${ScalarType[field.scalar].toLowerCase()})`;
}

function isWellKnown(message: DescMessage): boolean {
  return message.typeName.startsWith("google.protobuf.");
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
