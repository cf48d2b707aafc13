import type { HttpOperation } from "@pointsman/sdk/v1";
import { type FieldProblem, invalidFields } from "../../errors.js";

/** Headers that belong to the connection and not to the caller: another host, or another length, is another request. */
const ours: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade"],
]);
/** What HTTP can carry. */
const latin1 = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Throws INVALID_REQUEST for a call that cannot be made: of no URL, or with headers that it may not have. */
export function checkCall({ url, headers, secretHeaders }: HttpOperation, field: string): void {
  const bad: FieldProblem[] = [];
  const named = new Set<string>();
  if (!URL.canParse(url)) bad.push({ field: `${field}.url`, description: "must be a URL" });
  for (const [kind, some] of [
    ["headers", headers],
    ["secret_headers", secretHeaders],
  ] as const) {
    for (const [name, value] of Object.entries(some)) {
      const at = `${field}.${kind}[${JSON.stringify(name)}]`;
      if (ours.has(name.toLowerCase())) bad.push({ field: at, description: "is set by the connection alone" });
      // Only one of them would be sent, and a map has no order that tells which.
      if (named.has(name.toLowerCase()))
        bad.push({ field: at, description: "is named twice: case makes no difference" });
      named.add(name.toLowerCase());
      if (!latin1.test(value)) bad.push({ field: at, description: "must hold characters of ISO 8859-1 alone" });
    }
  }
  if (bad.length > 0) throw invalidFields(bad);
}
