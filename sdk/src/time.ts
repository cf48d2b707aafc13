import { create } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";

/** The longest that a timer of Node's waits, in milliseconds: of anything longer it makes one. */
const longestTimerMs = 2 ** 31 - 1;

/** Runs `then` after `ms` milliseconds, however many: Infinity is never. Answers with what takes it back. */
export function after(ms: number, then: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    timer =
      left > longestTimerMs ? setTimeout(() => wait(left - longestTimerMs), longestTimerMs) : setTimeout(then, left);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** Milliseconds of a duration. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
}

/** The duration of `ms` milliseconds; fractions count to the nanosecond. */
export function durationFromMs(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) });
}

/** `{ [key]: duration }`, or nothing where there is no value. */
export function optionalDuration<K extends string>(key: K, ms: number | undefined): { [P in K]?: Duration } {
  return (ms === undefined ? {} : { [key]: durationFromMs(ms) }) as { [P in K]?: Duration };
}

/** The point in time as a Date, to the millisecond. */
export function timestampDate(timestamp: Timestamp): Date {
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000));
}

/** The Date as a point in time. */
export function timestampFromDate(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 });
}
