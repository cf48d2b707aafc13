import type { FieldProblem } from "../../errors.js";

/** Finds host keys that are not what they say: no device could ever show them. Paths are `<field>[i]`, or `field` alone. */
export function badHostKeys(field: string, keys: readonly string[] | string): FieldProblem[] {
  if (typeof keys === "string") return isHostKey(keys) ? [] : [badHostKey(field)];
  return keys.flatMap((key, index) => (isHostKey(key) ? [] : [badHostKey(`${field}[${index}]`)]));
}

function badHostKey(field: string): FieldProblem {
  return { field, description: 'must be a host key, such as "ssh-ed25519 AAAA…"' };
}

/** A key's blob begins with the name of its kind, with its length in four bytes before it (RFC 4253, section 6.6). */
function isHostKey(text: string): boolean {
  const [kind = "", base64 = ""] = text.split(" ");
  const blob = Buffer.from(base64, "base64");
  if (blob.length < 4 + kind.length + 1) return false;
  return blob.readUInt32BE(0) === kind.length && blob.subarray(4, 4 + kind.length).toString("latin1") === kind;
}
