import { type DescMessage, isMessage, type Message } from "@bufbuild/protobuf";
import { pathToString, reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { DurationSchema, FieldMaskSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { UpdateDeviceRequestSchema, UpdateWebhookRequestSchema } from "@pointsman/sdk/v1";
import { lastTimeMs } from "../../domain/last-time.js";
import { type FieldProblem, invalidFields } from "../../errors.js";
import { jsonProblem } from "./json-value.js";

const validator = createValidator();
const loneSurrogate = /\p{Surrogate}/u;
const firstSecond = -62_135_596_800n;
const lastSecond = BigInt(Math.floor(lastTimeMs / 1_000));
const longestSeconds = 315_576_000_000n;

/**
 * Checks a request against the rules of the contract, and against what every message must keep to be stored and shown
 * again: text is well-formed, times and durations are in range. Throws INVALID_REQUEST that names every field at once;
 * `within` is the path of the message in the request, where it is a part of one.
 */
export function validateRequest(desc: DescMessage, message: Message, within = ""): void {
  const result = validator.validate(desc, message);
  if (result.kind === "error") throw result.error;
  const violations = (result.violations ?? []).filter((violation) => !isLeftOut(message, violation));
  const fields = [
    ...malformed(reflect(desc, message), within),
    ...violations.map(({ field, message: description }) => ({
      field: [within, pathToString(field)].filter((part) => part !== "").join("."),
      description,
    })),
  ];
  if (fields.length > 0) throw invalidFields(fields);
}

/** An update with a mask need not bring the fields it does not change. */
function isLeftOut(message: Message, violation: Violation): boolean {
  const masked = isMessage(message, UpdateDeviceRequestSchema) || isMessage(message, UpdateWebhookRequestSchema);
  if (!masked || !message.updateMask?.paths.length) return false;
  const [outer, inner] = violation.field;
  const whole = outer && "name" in outer && (outer.name === "device" || outer.name === "webhook");
  if (!whole || !inner || !("name" in inner)) return false;
  return inner.name !== "name" && !message.updateMask.paths.includes(inner.name);
}

function malformed(message: ReflectMessage, path: string): FieldProblem[] {
  const known = wellKnown(message.message, path);
  if (known) return known;
  return message.fields.flatMap((field): FieldProblem[] => {
    if (!message.isSet(field)) return [];
    const at = path === "" ? field.name : `${path}.${field.name}`;
    if (field.fieldKind === "list") {
      const list = message.get(field);
      return Array.from(list).flatMap((item, index) => malformedValue(item, `${at}[${index}]`));
    }
    if (field.fieldKind === "map") {
      const map = message.get(field);
      return Array.from(map).flatMap(([key, value]) => [
        ...malformedValue(key, at),
        ...malformedValue(value, `${at}[${JSON.stringify(key)}]`),
      ]);
    }
    return malformedValue(message.get(field), at);
  });
}

function malformedValue(value: unknown, at: string): FieldProblem[] {
  if (typeof value === "string")
    return !loneSurrogate.test(value) ? [] : [{ field: at, description: "is not well-formed text" }];
  if (typeof value === "object" && value !== null && "message" in value) return malformed(value as ReflectMessage, at);
  return [];
}

function wellKnown(message: Message, at: string): FieldProblem[] | undefined {
  if (isMessage(message, TimestampSchema)) {
    const { seconds, nanos } = message;
    // Times are kept in milliseconds, rounded up: the last that can be told is a whole one.
    const most = seconds === lastSecond ? 999_000_000 : 999_999_999;
    const fits = seconds >= firstSecond && seconds <= lastSecond && nanos >= 0 && nanos <= most;
    return fits ? [] : [{ field: at, description: "must be a time from year 1 to year 9999" }];
  }
  if (isMessage(message, DurationSchema)) {
    const { seconds, nanos } = message;
    const inRange = seconds >= -longestSeconds && seconds <= longestSeconds && Math.abs(nanos) < 1e9;
    const sameSign = seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0;
    return inRange && sameSign ? [] : [{ field: at, description: "must be a duration" }];
  }
  const description = jsonProblem(message);
  if (description !== undefined) return [{ field: at, description }];
  return isMessage(message, FieldMaskSchema) ? [] : undefined;
}
