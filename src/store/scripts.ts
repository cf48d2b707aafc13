import { readFileSync } from "node:fs";
import type { StoreConnection } from "./connection.js";
import { packedList } from "./pack.js";

/** Every script, one transition each. A script's header says what it takes, what it gives and what it costs. */
const names = [
  "active_runs",
  "add_deliveries",
  "add_firings",
  "append",
  "bear_jobs",
  "beat",
  "cancel",
  "claim",
  "close_endpoint",
  "close_sessions",
  "control_worker",
  "end_targets",
  "due_schedules",
  "end_schedule_run",
  "contact_begin",
  "contact_end",
  "copied",
  "enqueue",
  "ensure_zone",
  "events",
  "finish",
  "fire_schedule",
  "fsck_deliveries",
  "fsck_devices",
  "fsck_entries",
  "fsck_firings",
  "fsck_jobs",
  "fsck_outbytes",
  "fsck_parts",
  "fsck_runs",
  "fsck_schedules",
  "fsck_workers",
  "fsck_freezes",
  "hook_events",
  "intent",
  "lend_permits",
  "lift",
  "lock_device",
  "mark_deleted",
  "noted",
  "open_endpoint",
  "open_run",
  "pause_queue",
  "pause_schedule",
  "pin_host_key",
  "queue_rates",
  "read_devices",
  "reap",
  "reconcile",
  "redeliver",
  "register",
  "release",
  "remove_credential",
  "remove_device",
  "remove_schedule",
  "replay",
  "replayed",
  "reset_breaker",
  "resolve",
  "rights",
  "retain",
  "retain_runs",
  "set_limit",
  "settle",
  "settle_delivery",
  "step_run",
  "sweep_deliveries",
  "take_deliveries",
  "tell_hooks",
  "take_run",
  "tell_sessions",
  "settle_firing",
  "take_firings",
  "take_live_runs",
  "thaw",
  "unfreeze",
  "tick",
  "time",
  "unlock_device",
  "waiting",
  "walk_states",
  "write_credential",
  "write_device",
  "write_schedule",
  "write_freezes",
  "write_hooks",
  "write_webhook",
  "write_policy",
  "write_schema",
  "zone_state",
] as const;

export type ScriptName = (typeof names)[number];

/** What a script takes. Text or bytes; numbers are written in decimal. */
export type ScriptArgument = string | number | Uint8Array;

/** What a script gives: bytes, whole numbers, and lists of them. */
export type ScriptReply = Buffer | number | null | readonly ScriptReply[];

/** Runs scripts on one connection. */
export interface Scripts {
  /** Runs one script on the keys under `root`. */
  run(name: ScriptName, root: string, ...args: readonly ScriptArgument[]): Promise<ScriptReply>;
  /** Runs one script that takes many items, each of `width` values that are packed as a part of a list. */
  runEach(name: ScriptName, root: string, items: readonly Uint8Array[], width: number): Promise<ScriptReply>;
}

function source(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), "utf8");
}

/** What a script begins with that also runs when Redis is full. Those that bring new work have no such line. */
const shebang = /^#!lua .*\n/;

const texts = new Map<ScriptName, string>();

/** The whole text of a script: its flags, the prelude, what it includes in that order, and itself. Read once. */
export function scriptText(name: ScriptName): string {
  let text = texts.get(name);
  if (text === undefined) texts.set(name, (text = joined(name)));
  return text;
}

function joined(name: ScriptName): string {
  const own = source(name);
  const [flags = "#!lua\n"] = shebang.exec(own) ?? [];
  const included = [...own.matchAll(/^-- @include ([\w, ]+)$/gm)].flatMap((match) => (match[1] ?? "").split(", "));
  return flags + ["prelude", ...included].map(source).concat(own.replace(shebang, "")).join("\n");
}

let commands: readonly string[] | undefined;

/** Every command that the scripts run. */
export function scriptCommands(): readonly string[] {
  const called = (name: ScriptName) => [...scriptText(name).matchAll(/\b(?:call|write)\('([A-Z]+)'/g)];
  return (commands ??= [...new Set(names.flatMap(called).map(([, command = ""]) => command))].sort());
}

/** Runs the call of a script; what it gives is what the call gives. */
export type AroundScript = <T>(name: ScriptName, call: () => Promise<T>) => Promise<T>;

/**
 * Makes the scripts known to a connection. `timeMs` puts a simulation's clock in the place of the server's; `around`
 * is there for measuring.
 */
export function createScripts(redis: StoreConnection, timeMs?: () => number, around?: AroundScript): Scripts {
  for (const name of names) {
    redis.defineCommand(command(name), { numberOfKeys: 1, lua: scriptText(name) });
  }
  // A simulation's time stands still between its steps; scripts still run one after the other, a microsecond apart, and
  // so do the items of one script. Whole microseconds: adding up thousandths would give the same moment twice.
  let last = 0;
  const time = (items: number): string => {
    if (!timeMs) return "";
    const at = Math.round(Number(timeMs().toFixed(3)) * 1_000);
    const first = at > last || at < last - 1_000 ? at : last + 1;
    last = first + items - 1;
    return (first / 1_000).toFixed(3);
  };
  async function call(
    name: ScriptName,
    root: string,
    items: number,
    args: readonly ScriptArgument[],
  ): Promise<ScriptReply> {
    // ioredis adds defined commands at run time; its `Buffer` twin answers with bytes, which specs and outputs are.
    const defined = redis as unknown as Record<string, (...given: (string | Buffer)[]) => Promise<ScriptReply>>;
    const run = defined[`${command(name)}Buffer`];
    if (!run) throw new Error(`script ${name} is not defined on this connection`);
    const ask = (): Promise<ScriptReply> => run.call(redis, root, time(items), ...args.map(plain));
    return around ? around(name, ask) : ask();
  }
  return {
    run: (name, root, ...args) => call(name, root, 1, args),
    runEach: (name, root, items, width) => call(name, root, items.length, [packedList(items, items.length * width)]),
  };
}

function command(name: ScriptName): string {
  return `pm_${name}`;
}

function plain(argument: ScriptArgument): string | Buffer {
  if (typeof argument === "string") return argument;
  if (typeof argument === "number") return String(argument);
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

/** A reply that is text. */
export function text(reply: ScriptReply | undefined): string {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (typeof reply === "number") return String(reply);
  throw new TypeError("the store answered with something else than text");
}

/** A reply that is a list. */
export function list(reply: ScriptReply | undefined): readonly ScriptReply[] {
  if (Array.isArray(reply)) return reply as readonly ScriptReply[];
  throw new TypeError("the store answered with something else than a list");
}
