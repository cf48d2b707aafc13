import type { Reader } from "./definition-reader.js";

/** A command that tells something of a device, and the lines of its output that do. */
export interface IdentityQuestion {
  readonly send: string;
  /** Matched against each line; the group `value` is what is told. */
  readonly tells: RegExp;
}

/** How a device of a platform says who it is. */
export interface IdentityRules {
  /** Undefined: its prompt tells. */
  readonly hostName: IdentityQuestion | undefined;
  /** Undefined: nothing tells. */
  readonly serial: IdentityQuestion | undefined;
}

/** Reads the `identity` part of a definition. */
export function readIdentityRules(reader: Reader): IdentityRules {
  const fields = reader.object("host_name", "serial");
  const question = (field: Reader): IdentityQuestion | undefined => {
    if (field.absent) return undefined;
    const { send, tells } = field.object("send", "tells");
    return { send: send.text(), tells: tells.pattern(["value"]) };
  };
  return { hostName: question(fields.host_name), serial: question(fields.serial) };
}

/** What a text tells by a question, in lower case. */
export function told({ tells }: IdentityQuestion, text: string): readonly string[] {
  const values = text.split("\n").flatMap((line) => tells.exec(line.trimEnd())?.groups?.["value"] ?? []);
  return [...new Set(values.map((value) => value.toLowerCase()))];
}
