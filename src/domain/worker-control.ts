/**
 * What a worker was told to do. SUSPEND: take nothing new until it is resumed. The others end it: DRAIN lets all that
 * runs finish, GRACEFUL gives it `graceMs` and interrupts the rest, NOW interrupts at once.
 */
export interface WorkerControl {
  readonly kind: "SUSPEND" | "DRAIN" | "GRACEFUL" | "NOW";
  readonly caller: string;
  readonly reason: string;
  readonly timeMs: number;
  /** Of GRACEFUL, from when the worker hears it. Milliseconds. */
  readonly graceMs?: number;
}
