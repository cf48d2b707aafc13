const form = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A `traceparent` as W3C Trace Context writes it; undefined for anything else. */
export function asTraceParent(text: unknown): string | undefined {
  return typeof text === "string" && form.test(text) ? text : undefined;
}

/** The id of the trace: 32 hexadecimal digits. */
export function traceIdOf(traceParent: string): string {
  return form.exec(traceParent)?.[1] ?? "";
}
