import { isMessage, type Message } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { deepestJson } from "../../domain/json-depth.js";

/** Why a part of a request that is JSON cannot be kept and shown again; undefined where it can, or where it is none. */
export function jsonProblem(message: Message): string | undefined {
  return isMessage(message, ValueSchema) ? problemOf(message, deepestJson) : undefined;
}

function problemOf({ kind }: Value, levels: number): string | undefined {
  switch (kind.case) {
    case undefined:
      return "must be JSON";
    case "numberValue":
      return Number.isFinite(kind.value) ? undefined : "holds a number that JSON cannot show";
    case "listValue":
      return within(kind.value.values, levels);
    case "structValue": {
      const { fields } = kind.value;
      // The name is taken for what the object descends from, and its value would be lost.
      if (Object.getPrototypeOf(fields) !== Object.prototype) return 'holds a name "__proto__", which cannot be kept';
      return within(Object.values(fields), levels);
    }
    default:
      return undefined;
  }
}

function within(values: readonly Value[], levels: number): string | undefined {
  if (levels === 0) return `is more than ${deepestJson} levels deep`;
  for (const value of values) {
    const found = problemOf(value, levels - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
