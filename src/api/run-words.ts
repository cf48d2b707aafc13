import { clone } from "@bufbuild/protobuf";
import { type JobSpec, JobSpecSchema, type RunSpec, type RunTarget } from "@pointsman/sdk/v1";
import { problem } from "../errors.js";
import type { DeviceRecord } from "../store/store.js";

const word = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9._/-]+)?)\s*\}\}/g;

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
  };
  return (name) => {
    if (name.startsWith("label.")) return device?.labels[name.slice("label.".length)];
    return own?.variables[name] ?? spec.variables[name] ?? known[name];
  };
}

/** Whether a job's operation or labels hold words. */
export function hasWords(spec: JobSpec): boolean {
  let found = false;
  each(spec, (text) => {
    found ||= text.search(word) >= 0;
    return text;
  });
  return found;
}

/** The job with its words replaced. WORD_MISSING. */
export function withWords(spec: JobSpec, words: Words): JobSpec {
  const filled = clone(JobSpecSchema, spec);
  each(filled, (text) =>
    text.replace(word, (whole, name: string) => {
      const value = words(name);
      if (value === undefined) {
        throw problem("WORD_MISSING", `${whole} has no value for this target`, { metadata: { word: name } });
      }
      return value;
    }),
  );
  return filled;
}

/** Goes over every text of the operation and every value of a label. */
function each({ operation, labels }: JobSpec, change: (text: string) => string): void {
  replace(operation.value, change);
  replace(labels, change);
}

function replace(value: unknown, change: (text: string) => string): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  const fields = value as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    // The name of a message's type and of the field that a oneof holds are no texts of the caller's.
    if (name === "$typeName" || name === "$unknown" || name === "case") continue;
    if (typeof field === "string") {
      const changed = change(field);
      if (changed !== field) fields[name] = changed;
    } else {
      replace(field, change);
    }
  }
}
