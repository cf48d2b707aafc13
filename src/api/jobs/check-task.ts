import { toBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { TaskOperation } from "@pointsman/sdk/v1";
import type { TaskType } from "../../domain/task-type.js";
import { invalidRequest, problem } from "../../errors.js";
import { valueCheck } from "../../tasks/value-check.js";
import type { JobWish } from "./job-wish.js";
import { type Surroundings, taskKey } from "./job-surroundings.js";

const mostInputBytes = 256 * 1024;

/**
 * The type of a wish's task, its input having been held against the type's schema; undefined for other work. Throws
 * TASK_TYPE_NOT_FOUND, and INVALID_REQUEST for an input that does not fit.
 */
export function checkTask(around: Surroundings, { spec, field }: JobWish, zone: string): TaskType | undefined {
  const { operation } = spec;
  if (operation.case !== "task") return undefined;
  const task = operation.value;
  const type = around.taskTypes.get(taskKey(zone, task.type));
  if (!type) throw notFound(around, task.type, zone);
  checkInput(type, task, `${field}.task.input`);
  return type;
}

function checkInput(type: TaskType, { input }: TaskOperation, field: string): void {
  if (input && toBinary(ValueSchema, input).length > mostInputBytes) {
    throw invalidRequest({ field, description: `has more than ${mostInputBytes} bytes` });
  }
  const found = valueCheck(type.input)(inputJson(input, field));
  if (!found) return;
  const { path, description } = found;
  const at = path === "" || path.startsWith("[") ? path : `.${path}`;
  throw invalidRequest({ field: `${field}${at}`, description });
}

function inputJson(input: TaskOperation["input"], field: string) {
  try {
    return input ? toJson(ValueSchema, input) : {};
  } catch {
    throw invalidRequest({ field, description: "holds a number that is none" });
  }
}

function notFound(around: Surroundings, name: string, zone: string): Error {
  const others = [...around.zones.keys()].filter((other) => around.taskTypes.has(taskKey(other, name))).sort();
  const where = others.length === 0 ? "" : `; workers of ${others.join(", ")} have`;
  const message = `no worker of zone ${zone} has loaded a task ${name}${where}. ListJobTypes names those there are`;
  const metadata = { task: name, zone, ...(others.length > 0 && { zones: others.join(",") }) };
  return problem("TASK_TYPE_NOT_FOUND", message, { metadata });
}
