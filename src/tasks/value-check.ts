import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
} from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type { TaskSchema } from "../domain/task-type.js";

/** What is wrong with a value: where, as "ports[2].name" (empty: all of it), and how, as the rest of a sentence. */
export interface ValueProblem {
  readonly path: string;
  readonly description: string;
}

/** The first thing that is wrong with a value; undefined for a good one. */
export type ValueCheck = (value: JsonValue) => ValueProblem | undefined;

/** A schema that is none. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** Compiled checks that are kept: types are few, and creating jobs is often. */
const keptChecks = 256;
const kept = new Map<string, ValueCheck>();

/** The check that a schema makes. Throws SchemaError. */
export function valueCheck(schema: TaskSchema | undefined): ValueCheck {
  if (!schema) return () => undefined;
  const key = JSON.stringify(schema);
  const known = kept.get(key);
  if (known) return known;
  const check = compile(schema);
  const [oldest] = kept.keys();
  if (kept.size >= keptChecks && oldest !== undefined) kept.delete(oldest);
  kept.set(key, check);
  return check;
}

function compile(schema: TaskSchema): ValueCheck {
  try {
    return schema.kind === "json" ? jsonCheck(schema.schema) : messageCheck(schema);
  } catch (error) {
    throw new SchemaError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Formats are remarks in this draft, not rules. */
const options = { strictTypes: false, strictTuples: false, strictRequired: false, validateFormats: false } as const;

function jsonCheck(text: string): ValueCheck {
  const validate = new Ajv2020(options).compile(JSON.parse(text) as object);
  return (value) => {
    if (validate(value)) return undefined;
    const [error] = validate.errors ?? [];
    return error ? problemOf(error) : { path: "", description: "does not fit the schema" };
  };
}

function problemOf({ instancePath, keyword, message = "is wrong", params }: ErrorObject): ValueProblem {
  const names = instancePath.split("/").slice(1).map(unescaped);
  const known = params as Readonly<Record<string, unknown>>;
  if (keyword === "required")
    return { path: pathOf([...names, String(known["missingProperty"])]), description: "is required" };
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") {
    const name = String(known["additionalProperty"] ?? known["unevaluatedProperty"]);
    return { path: pathOf([...names, name]), description: "is not known" };
  }
  if (keyword === "enum") {
    const allowed = JSON.stringify(known["allowedValues"]).slice(0, 200);
    return { path: pathOf(names), description: `must be one of ${allowed}` };
  }
  return { path: pathOf(names), description: message };
}

function unescaped(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

function pathOf(names: readonly string[]): string {
  return names.reduce((path, name) => {
    if (/^\d+$/.test(name)) return `${path}[${name}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
    return path === "" ? name : `${path}.${name}`;
  }, "");
}

/** The message of a schema, with what it imports. Throws when it is not there. */
function messageOf({ type, files }: Extract<TaskSchema, { kind: "message" }>): [DescMessage, Registry] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(files, "base64")));
  const message = registry.getMessage(type);
  if (!message) throw new Error(`its files define no message ${type}`);
  return [message, registry];
}

function messageCheck(schema: Extract<TaskSchema, { kind: "message" }>): ValueCheck {
  const [message, registry] = messageOf(schema);
  const validator = createValidator({ registry });
  return (value) => {
    try {
      const result = validator.validate(message, fromJson(message, value, { registry }));
      if (result.kind === "valid") return undefined;
      const [violation] = result.violations ?? [];
      if (!violation) return { path: "", description: result.error.message };
      return { path: pathToString(violation.field), description: violation.message };
    } catch (error) {
      return decodingProblem(error);
    }
  };
}

/** What the JSON form of a message says of a value that is none: it names the innermost field. */
function decodingProblem(error: unknown): ValueProblem {
  const message = error instanceof Error ? error.message : String(error);
  const [, field = "", what] = /cannot decode field \S+?\.([A-Za-z0-9_]+) from JSON: (.*)$/s.exec(message) ?? [];
  if (what !== undefined) return { path: field, description: what };
  const [, name, why] = /: key "([^"]+)" is (.*)$/.exec(message) ?? [];
  return name === undefined ? { path: "", description: message } : { path: name, description: `is ${why}` };
}
