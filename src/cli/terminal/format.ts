import { durationMs, timestampDate } from "@pointsman/sdk";
import {
  type ChangeStop,
  CommandStatus,
  CommandStatusSchema,
  ConfigKind,
  type ConfigureOperation,
  ConfigModeSchema,
  EffectClassSchema,
  EffectSchema,
  HealthStatusSchema,
  CryptoProfileSchema,
  HostKeyPolicySchema,
  JobStateSchema,
  RunStateSchema,
  RunTargetStateSchema,
  LinePresenceSchema,
  ResolutionKind,
  ResolutionKindSchema,
  WaitingReasonSchema,
  StoppedJobFateSchema,
  SessionStateSchema,
  WorkerOrderKindSchema,
  WorkerStateSchema,
  LockScope,
  type DeviceLock,
  type Job,
  type JobSpec,
  type QueuePause,
  type WorkerOrder,
} from "@pointsman/sdk/v1";

type TimestampLike = Parameters<typeof timestampDate>[0];
type DurationLike = Parameters<typeof durationMs>[0];
interface EnumLike {
  readonly sharedPrefix?: string | undefined;
  readonly value: Readonly<Record<number, { readonly name: string } | undefined>>;
}

/** The name of an enum's value as people read it: without its prefix, in small letters, dashes for underscores. */
export function enumName(schema: EnumLike, value: number): string {
  const name = schema.value[value]?.name ?? String(value);
  const bare = name.toLowerCase().startsWith(schema.sharedPrefix ?? "")
    ? name.slice(schema.sharedPrefix?.length ?? 0)
    : name;
  return bare === "UNSPECIFIED" ? "" : bare.toLowerCase().replaceAll("_", "-");
}

/** "queued", "running", … */
export const stateName = (value: number): string => enumName(JobStateSchema, value);
/** "running", "partial", … of a run. */
export const runStateName = (value: number): string => enumName(RunStateSchema, value);
/** "pending", "untouched", … of a target of a run. */
export const targetStateName = (value: number): string => enumName(RunTargetStateSchema, value);
/** "device-busy", …; empty when nothing is waited for. */
export const waitingName = (value: number): string => enumName(WaitingReasonSchema, value);
/** "read-only", … */
export const effectClassName = (value: number): string => enumName(EffectClassSchema, value);
/** "none", "partial", "complete". */
export const effectName = (value: number): string => enumName(EffectSchema, value);
/** "ok", "rejected", … */
export const commandStatusName = (value: CommandStatus): string =>
  value === CommandStatus.UNSPECIFIED ? "not known" : enumName(CommandStatusSchema, value);
/** "applied", "not applied" or "run again". */
export function resolutionName(kind: ResolutionKind): string {
  return kind === ResolutionKind.RERUN ? "run again" : enumName(ResolutionKindSchema, kind).replace("-", " ");
}
/** "present", "absent", "unknown"; empty when it was not looked for. */
export const presenceName = (value: number): string => enumName(LinePresenceSchema, value);
/** "busy", "idle", … */
export const workerStateName = (value: number): string => enumName(WorkerStateSchema, value);
/** "busy", "idle". */
export const sessionStateName = (value: number): string => enumName(SessionStateSchema, value);
/** "handed-back", … */
export const fateName = (value: number): string => enumName(StoppedJobFateSchema, value);
/** "serving", … */
export const healthName = (value: number): string => enumName(HealthStatusSchema, value);
/** "strict", "accept-new"; empty for the installation's default. */
export const cryptoProfileName = (value: number): string => enumName(CryptoProfileSchema, value);
export const hostKeyPolicyName = (value: number): string => enumName(HostKeyPolicySchema, value);

/** Local time with its offset, to the second: "2026-11-20T18:51:42+01:00". Empty when there is none. */
export function time(timestamp: TimestampLike | undefined): string {
  if (timestamp === undefined) return "";
  const date = timestampDate(timestamp);
  const offset = -date.getTimezoneOffset();
  const two = (value: number): string => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day}T${clock}${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}

/** The two largest units: "850 ms", "1.2 s", "3 m 4 s", "2 h 5 m", "3 d 4 h". Empty when there is none. */
export function duration(value: DurationLike | undefined): string {
  if (value === undefined) return "";
  const ms = durationMs(value);
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), "m", seconds % 60, "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "m");
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** "123 B", "4.0 KiB", "1.5 MiB". */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 ** 2).toFixed(1)} MiB`;
}

/** "k=v,…" in the order of the keys. */
export function labels(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${map[key]}`)
    .join(",");
}

/** The device's name, or the address of an inline endpoint. */
export function targetName(spec: JobSpec | undefined): string {
  if (spec?.target.case === "device") return spec.target.value;
  if (spec?.target.case === "node") return spec.target.value;
  return spec?.target.case === "endpoint" ? hostAndPort(spec.target.value) : "";
}

/** The address, with the port where it is not 22. */
export function hostAndPort({ address, port }: { readonly address: string; readonly port: number }): string {
  if (port === 0 || port === 22) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What a job does, on one line. */
export function workName(spec: JobSpec | undefined): string {
  if (spec?.operation.case === "probe") return "probe";
  if (spec?.operation.case === "configure") return configureName(spec.operation.value);
  if (spec?.operation.case === "task") return `task ${spec.operation.value.type}`;
  if (spec?.operation.case === "http") return `POST ${spec.operation.value.url}`;
  if (spec?.operation.case === "shell") {
    const { program } = spec.operation.value;
    return program.case === "argv" ? program.value.words.join(" ") : (program.value ?? "");
  }
  const commands = spec?.operation.case === "commands" ? spec.operation.value.commands : [];
  const more = commands.length > 1 ? ` (+${commands.length - 1})` : "";
  return `${commands[0]?.command ?? ""}${more}`;
}

function configureName({ mode, kind, input, beforeJob }: ConfigureOperation): string {
  const name = enumName(ConfigModeSchema, mode);
  if (beforeJob !== "") return `${name}: back to before ${beforeJob}`;
  const lines = input.case === "lines" ? input.value.lines : (input.value ?? "").split(/\r\n|[\r\n]/);
  const typed = lines.filter((line) => line.trim() !== "");
  const more = typed.length > 1 ? ` (+${typed.length - 1})` : "";
  const all = kind === ConfigKind.REPLACE ? ", replacing everything" : "";
  return `${name}${all}: ${typed[0]?.trim() ?? ""}${more}`;
}

/** Why a job waits or how it failed, and whether a doubt about that is settled, on one line; empty when neither. */
export function whyName(job: Job): string {
  if (job.error)
    return job.resolution ? `${job.error.reason}, ${resolutionName(job.resolution.kind)}` : job.error.reason;
  const waiting = waitingName(job.waitingReason);
  if (waiting === "") return "";
  const facts = [
    ...(job.position > 0 ? [`position ${job.position}`] : []),
    ...(job.blockingJob ? [`behind ${job.blockingJob}`] : []),
    ...(job.blockingLimit ? [job.blockingLimit] : []),
    ...(job.blockingPolicy ? [job.blockingPolicy] : []),
    ...(job.frozenUntil ? [`until ${time(job.frozenUntil)}`] : []),
    ...(job.retryTime ? [`at ${time(job.retryTime)}`] : []),
  ];
  return facts.length > 0 ? `${waiting} (${facts.join(", ")})` : waiting;
}

/** Who has locked a device, what that keeps from starting, until when and why. */
export function lockName(lock: DeviceLock): string {
  const what = lock.scope === LockScope.ALL ? "all work" : "changes";
  const until = lock.expireTime ? `until ${time(lock.expireTime)}` : "until it is unlocked";
  return `${lock.owner} for ${what}, since ${time(lock.time)}, ${until}: ${lock.reason}`;
}

/** Who has paused a queue, since when and why. */
export function pauseName(pause: QueuePause): string {
  return `${pause.caller} since ${time(pause.time)}${pause.reason ? `: ${pause.reason}` : ""}`;
}

/** What a worker was told, by whom, when and why. */
export function orderName({ kind, caller, time: at, reason }: WorkerOrder): string {
  return `${enumName(WorkerOrderKindSchema, kind)}, by ${caller} at ${time(at)}${reason ? `: ${reason}` : ""}`;
}

/** Who has stopped changes, since when and why. */
export function stopName(stop: ChangeStop): string {
  return `${stop.owner} since ${time(stop.time)}: ${stop.reason}`;
}

/** What names a zone on a command line: nothing for the default one. */
export function zoneOption(zone: string): string {
  return zone === "" || zone === "default" ? "" : ` --zone ${zone}`;
}
