/**
 * What a schedule asks of the calendar: which wall times a cron expression means, and how far a zone's clocks are from
 * UTC. Both need data that the domain does not have, so they are handed in.
 */
export interface Calendar {
  /** Reads a cron expression of five or six fields. Throws {@link CronProblem}. */
  cron(expression: string): WallPattern;
  /** The clocks of an IANA time zone; undefined when there is none of this name. */
  zone(name: string): ZoneClock | undefined;
}

/** Wall times that a cron expression means. A wall time is given as the UTC time that reads the same. */
export interface WallPattern {
  /** The first that comes after `wallMs`; undefined when none ever does. */
  next(wallMs: number): number | undefined;
  /** Whether the hours are left open (`*` or `*` by steps): then it follows elapsed time where the clocks are changed. */
  readonly everyHour: boolean;
}

/** The clocks of one zone. */
export interface ZoneClock {
  /** What is added to UTC to read the wall at a moment. Milliseconds. */
  offsetMs(atMs: number): number;
}

/** What is wrong with a cron expression. `part` is the field of it ("minute", "hour", …) when one is to blame. */
export class CronProblem extends Error {
  override readonly name = "CronProblem";
  readonly part: string | undefined;
  constructor(message: string, part?: string) {
    super(message);
    this.part = part;
  }
}
