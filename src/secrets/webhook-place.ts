/** The place that a webhook's signing secret is sealed for. */
export function webhookPlace(uid: string): string {
  return `webhook/${uid}`;
}
