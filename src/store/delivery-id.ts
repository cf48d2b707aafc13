import { createHash } from "node:crypto";

/** The id of an event's delivery to a webhook: always the same one, so that whoever brings it twice brings the same. */
export function deliveryId(uid: string, kind: string, subject: string): string {
  const hash = createHash("sha256").update(`${uid} ${kind} ${subject}`).digest("base64url");
  return `msg_${hash.slice(0, 27)}`;
}
