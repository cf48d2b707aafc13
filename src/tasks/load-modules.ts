import type { DescMessage } from "@bufbuild/protobuf";
import type { TaskDefinition, TaskSchemaInit } from "@pointsman/sdk/task";
import type { TaskSchema, TaskType } from "../domain/task-type.js";
import type * as values from "./message-values.js";

/** The definitions that modules export, by name. Rejects with an error that says which module is wrong, and how. */
export async function loadModules(urls: readonly string[]): Promise<ReadonlyMap<string, TaskDefinition>> {
  const found = new Map<string, TaskDefinition>();
  for (const url of urls) {
    const definitions = Object.values(await importModule(url)).filter(isDefinition);
    if (definitions.length === 0) throw new Error(`${url} exports no task; make one with defineTask`);
    for (const definition of new Set(definitions)) {
      if (found.has(definition.name)) throw new Error(`${url}: another task is called ${definition.name}`);
      found.set(definition.name, definition);
    }
  }
  return found;
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${url} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function isDefinition(value: unknown): value is TaskDefinition {
  return typeof value === "object" && value !== null && "isPointsmanTask" in value;
}

/** Whether a schema is a protobuf message. */
export function isMessage(schema: TaskSchemaInit | undefined): schema is DescMessage {
  return schema !== undefined && "typeName" in schema && schema["kind"] === "message";
}

/** What protobuf messages need. */
export type MessageValues = typeof values;

/** What definitions need whose schemas are protobuf messages; undefined where none is one. */
export async function messageValues(definitions: Iterable<TaskDefinition>): Promise<MessageValues | undefined> {
  const some = [...definitions].some(({ input, output }) => isMessage(input) || isMessage(output));
  return some ? await import("./message-values.js") : undefined;
}

/** What others are told of a definition. */
export function typeOf(definition: TaskDefinition, messages: MessageValues | undefined): TaskType {
  const { name, description, labels, input, output, delivery, maxDeferrals, declaresIntent } = definition;
  const schemaOf = (schema: TaskSchemaInit): TaskSchema =>
    isMessage(schema) ? messages!.messageSchema(schema) : { kind: "json", schema: JSON.stringify(schema) };
  return {
    ...{ name, description, labels, delivery, maxDeferrals },
    ...(declaresIntent && { declaresIntent }),
    ...(input && { input: schemaOf(input) }),
    ...(output && { output: schemaOf(output) }),
  };
}
