import {
  create,
  type DescFile,
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { TaskSchema } from "../domain/task-type.js";

// What tasks need whose schemas are protobuf messages. Threads of others do without: it is most of their memory.

/** A message as others are told of it, with the files that it needs. */
export function messageSchema(message: DescMessage): TaskSchema {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.name)) return;
    file.dependencies.forEach(add);
    files.set(file.name, file);
  };
  add(message.file);
  const set = create(FileDescriptorSetSchema, { file: Array.from(files.values(), ({ proto }) => proto) });
  const bytes = toBinary(FileDescriptorSetSchema, set);
  return { kind: "message", type: message.typeName, files: Buffer.from(bytes).toString("base64") };
}

/** A message of its JSON form. */
export function messageOfJson(message: DescMessage, value: JsonValue): unknown {
  return fromJson(message, value);
}

/** The JSON form of a message, or of what one is made from. */
export function messageToJson(message: DescMessage, value: unknown): JsonValue {
  return toJson(message, create(message, value as MessageInitShape<DescMessage>));
}
