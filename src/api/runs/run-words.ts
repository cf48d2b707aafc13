import { clone, create } from "@bufbuild/protobuf";
import { ArgvSchema, type JobSpec, JobSpecSchema, type RunSpec, type RunTarget } from "@pointsman/sdk/v1";
import { splitWords } from "../../domain/split-words.js";
import { invalidRequest, problem } from "../../errors.js";
import type { DeviceRecord } from "../../store/store.js";

const word = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9._/-]+)?)\s*\}\}/g;

/**
 * What was meant as a word and is none, such as {{a-b}}. Templates of other tools begin otherwise, as {{.Names}} does, or go
 * on with a blank and what they are about, as {{json .}} and {{range $one := .Items}} do.
 */
const noWord = /\{\{\s*(?!(?:[A-Za-z_]\w*\s+)+[.$])[\p{L}\p{N}_][\p{L}\p{N}_./ -]{0,63}\}{0,2}/u;

/** Characters that a text may have once its words are replaced: no line of a device is longer, and no label's value. */
const longestText = 4_096;
const longestLabel = 255;

/** What words stand for, for one target. */
export type Words = (name: string) => string | undefined;

/** The words of a target: its own, then the run's, then what is known of the target. */
export function wordsOf(spec: RunSpec, own: RunTarget | undefined, device: DeviceRecord | undefined): Words {
  const endpoint = own?.target.case === "endpoint" ? own.target.value : undefined;
  const known: Readonly<Record<string, string | undefined>> = {
    device: device?.name,
    address: device?.address ?? endpoint?.address,
    platform: device?.platform ?? endpoint?.platform,
    zone: device?.zone ?? endpoint?.zone,
    node: own?.target.case === "node" ? own.target.value : undefined,
  };
  return (name) => {
    if (name.startsWith("label.")) return valueIn(device?.labels, name.slice("label.".length));
    return valueIn(own?.variables, name) ?? valueIn(spec.variables, name) ?? valueIn(known, name);
  };
}

/** What stands under a name: not what every object inherits, such as "constructor". */
function valueIn(map: Readonly<Record<string, string | undefined>> | undefined, name: string): string | undefined {
  return map && Object.hasOwn(map, name) ? map[name] : undefined;
}

/** The words that a job's operation and labels hold, each once. */
export function wordsIn(spec: JobSpec): readonly string[] {
  const found = new Set<string>();
  each(spec, (text) => {
    if (text.includes("{{")) for (const [, name = ""] of text.matchAll(word)) found.add(name);
    return text;
  });
  return [...found];
}

/** The first thing in a job's operation or labels that was meant as a word and would go to the device as it stands. */
export function malformedWordIn(spec: Pick<JobSpec, "operation" | "labels">): string | undefined {
  let found: string | undefined;
  each(spec, (text) => {
    if (text.includes("{{")) found ??= noWord.exec(text.replace(word, "/"))?.[0];
    return text;
  });
  return found;
}

/**
 * The job with its words replaced. What stands for a word is one line, so a text stays what it was but for its length.
 * WORD_MISSING, INVALID_REQUEST.
 */
export function withWords(spec: JobSpec, words: Words): JobSpec {
  const filled = clone(JobSpecSchema, spec);
  divide(filled);
  each(filled, (text, longest) => {
    if (!text.includes("{{")) return text;
    const changed = text.replace(word, (whole, name: string) => {
      const value = words(name);
      if (value === undefined) {
        throw problem("WORD_MISSING", `${whole} has no value for this target`, { metadata: { word: name } });
      }
      return value;
    });
    if (changed !== text && changed.length > Math.max(longest, text.length)) {
      throw invalidRequest({
        field: "run.job",
        description: `a text has more than ${longest} characters with its words`,
      });
    }
    return changed;
  });
  return filled;
}

/** A program's line is divided before its words are replaced: whatever stands for one of them stays one argument. */
function divide({ operation }: JobSpec): void {
  if (operation.case !== "shell" || operation.value.program.case !== "command") return;
  const line = operation.value.program.value.replace(word, "{{$1}}");
  operation.value.program = { case: "argv", value: create(ArgvSchema, { words: [...splitWords(line)] }) };
}

type Change = (text: string, longest: number) => string;

/** Goes over every text of the operation and every value of a label. */
function each({ operation, labels }: Pick<JobSpec, "operation" | "labels">, change: Change): void {
  replace(operation.value, (text) => change(text, longestText));
  for (const [name, text] of Object.entries(labels)) labels[name] = change(text, longestLabel);
}

function replace(value: unknown, change: (text: string) => string): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  const fields = value as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    if (typeof field !== "string") {
      replace(field, change);
    } else if (name !== "$typeName" && !(name === "case" && "value" in fields)) {
      // The name of a message's type and of the field that a oneof holds are no texts of the caller's.
      const changed = change(field);
      if (changed !== field) fields[name] = changed;
    }
  }
}
