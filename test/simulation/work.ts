import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type JobSpec, JobSpecSchema } from "@pointsman/sdk/v1";
import type { Random } from "../../src/domain/clock.js";
import type { ModelJob } from "../store/model/zone.js";

/** One piece of work that a client wants done, recognisable by its lines on whatever device they reach. */
export interface Wish {
  readonly number: number;
  readonly device: string;
  readonly kind: "read" | "change" | "configure";
  /** What reaches the device, in order. */
  readonly lines: readonly string[];
  readonly spec: JobSpec;
  readonly requestId: string;
  /** When it is asked for, in virtual milliseconds. */
  readonly atMs: number;
}

/** The line of work as (number of the wish, step from 1). */
export function parseLine(line: string): { readonly wish: number; readonly step: number } | undefined {
  const found = /job-(\d+)-(\d+)/.exec(line);
  return found ? { wish: Number(found[1]), step: Number(found[2]) } : undefined;
}

/** Which wish a job carries out: a job that does another one again carries out the same. */
export function wishOf({ spec }: ModelJob): number {
  return parseLine(Buffer.from(spec.spec).toString("latin1"))?.wish ?? -1;
}

/** Draws what clients will want until `untilMs`. */
export function drawWork(random: Random, devices: readonly string[], count: number, untilMs: number): Wish[] {
  // Half of it comes in bursts, so that there are lines to stand in.
  const bursts = [1, 2, 3].map(() => random.number() * untilMs);
  const moment = (): number => {
    const burst = bursts[Math.floor(random.number() * 2 * bursts.length)];
    return burst === undefined ? random.number() * untilMs : burst + random.number() * 500;
  };
  return Array.from({ length: count }, (_, number) => {
    const device = devices[Math.floor(random.number() * devices.length)]!;
    const draw = random.number();
    const kind = draw < 0.55 ? "change" : draw < 0.75 ? "configure" : "read";
    const verbs = { read: "show", change: "clear counters", configure: "logging host" };
    const length = 1 + Math.floor(random.number() * 4);
    const lines = Array.from({ length }, (_line, i) => `${verbs[kind]} job-${number}-${i + 1}`);
    const idleTimeout = durationFromMs(10_000);
    const spec = create(JobSpecSchema, {
      target: { case: "device", value: device },
      operation:
        kind === "configure"
          ? {
              case: "configure",
              value: { input: { case: "lines", value: { lines: [...lines] } }, acceptUnproven: true },
            }
          : { case: "commands", value: { commands: lines.map((command) => ({ command, idleTimeout })) } },
      executionTimeout: durationFromMs(60_000),
      priority: random.number() < 0.1 ? 1 : 0,
      ...(random.number() < 0.1 ? { queueTimeout: durationFromMs(8_000) } : {}),
    });
    return { number, device, kind, lines, spec, requestId: `request-${number}`, atMs: moment() };
  });
}
