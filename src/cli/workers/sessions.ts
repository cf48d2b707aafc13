import type { Command } from "commander";
import { type SessionFilterInit, toJson } from "@pointsman/sdk";
import { CloseSessionsResponseSchema, type Session, SessionSchema, type SessionState } from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import { cryptoProfileName, hostAndPort, sessionStateName, time } from "../terminal/format.js";
import { collect, collectSessionStates, parseDuration, parseInteger, UsageError } from "../terminal/parse.js";
import { table } from "../terminal/table.js";
import { fateTable } from "./fates.js";

interface FilterOptions extends CommonOptions {
  readonly device?: readonly string[];
  readonly host?: readonly string[];
  readonly worker?: readonly string[];
  readonly node?: readonly string[];
  readonly zone?: readonly string[];
  readonly credential?: readonly string[];
  readonly state?: readonly SessionState[];
}

interface CloseOptions extends FilterOptions {
  readonly interruptRunning?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: number;
}

const heading = ["session", "device", "account", "state", "job", "uses", "last use", "open since", "crypto", "through"];

/** `sessions`: the SSH sessions that workers hold. */
export function registerSessions(program: Command, kit: CommandKit): void {
  const group = kit.command(program, "sessions", "Show the SSH sessions to devices, and close them");

  const list = withFilter(
    kit.command(group, "list", "List sessions, by worker (the default)", { isDefault: true }),
  ).option("--limit <number>", "at most this many (default: all)", parseInteger("--limit", 1, 1_000_000));
  kit.run<FilterOptions & { readonly limit?: number }>(list, async ({ client, options, out, signal, words }) => {
    const limit = options.limit ?? Infinity;
    const sessions: Session[] = [];
    const listed = client.workers.sessions(filterOf(words, options), { pageSize: Math.min(limit, 1000), signal });
    for await (const session of listed) {
      sessions.push(session);
      if (sessions.length >= limit) break;
    }
    if (out.json) return await out.document({ sessions: sessions.map((session) => toJson(SessionSchema, session)) });
    if (sessions.length === 0) return await out.note("no session");
    await out.line(table(heading, sessions.map(row)));
  });

  const close = withFilter(
    kit.command(group, "close", "Close sessions in the devices' own words, and say what became of their jobs"),
  )
    .option("--interrupt-running", "also where jobs run, which are cut (default: refuse, and name them)")
    .option("--dry-run", "only say what would be done")
    .option("--wait <duration>", "how long to wait until they are closed, at most 60s (default: 10s)", parseDuration);
  kit.run<CloseOptions>(close, async ({ client, options, out, signal, words }) => {
    const { interruptRunning, dryRun: validateOnly, wait: waitMs } = options;
    const filter = closingFilter(words, options);
    const answer = await client.workers.closeSessions(filter, { interruptRunning, validateOnly, waitMs, signal });
    if (out.json) return await out.document(toJson(CloseSessionsResponseSchema, answer));
    const { sessions, pending, jobs, remaining } = answer;
    if (sessions.length + pending.length === 0) return await out.line("no session is meant");
    for (const one of sessions)
      await out.line(`${one.name} to ${deviceOf(one)} ${validateOnly ? "would be " : ""}closed`);
    for (const one of pending) await out.line(`${one.name} to ${deviceOf(one)} is not closed yet`);
    if (jobs.length > 0) await out.line(fateTable(jobs));
    if (remaining > 0) await out.note(`${remaining} more are meant: call again`);
  });
}

function withFilter(command: Command): Command {
  return command
    .argument("[names...]", "the sessions")
    .option("--device <name>", "by device; may be repeated", collect)
    .option("--host <device>", "by the device's name or address; may be repeated", collect)
    .option("--worker <name>", "by worker; may be repeated", collect)
    .option("--node <name>", "by the node of the worker; may be repeated", collect)
    .option("--credential <name>", "by credential; may be repeated", collect)
    .option("--zone <name>", "by zone; may be repeated", collect)
    .option("--state <state>", "busy or idle", collectSessionStates);
}

/** A session's name holds a "/"; what does not is most likely a device's. */
function requireSessionNames(names: readonly string[]): void {
  const wrong = names.find((name) => !/\/\d+$/.test(name));
  if (wrong === undefined) return;
  throw new UsageError(
    `${wrong} is no session's name ("WORKER/NUMBER", see \`pointsman sessions\`); for the sessions of a device use --device ${wrong}`,
  );
}

function filterOf(names: readonly string[], options: FilterOptions): SessionFilterInit {
  requireSessionNames(names);
  const { device = [], host = [], worker = [], node = [], zone = [], credential = [], state = [] } = options;
  return {
    ...{ names: [...names], devices: [...device], hosts: [...host], workers: [...worker], nodes: [...node] },
    ...{ zones: [...zone], credentials: [...credential], states: [...state] },
  };
}

function closingFilter(names: readonly string[], options: FilterOptions): SessionFilterInit {
  const { device = [], host = [], worker = [], node = [], credential = [] } = options;
  if (names.length + device.length + host.length + worker.length + node.length + credential.length === 0) {
    throw new UsageError("name a session, or choose by --device, --host, --worker, --node or --credential");
  }
  return filterOf(names, options);
}

function deviceOf(session: Session): string {
  return session.device || hostAndPort(session);
}

function row(session: Session): string[] {
  return [
    session.name,
    deviceOf(session),
    session.credential ? `${session.username} (${session.credential})` : session.username,
    sessionStateName(session.state),
    session.job,
    String(session.useCount),
    time(session.lastUseTime),
    time(session.openTime),
    cryptoProfileName(session.cryptoProfile),
    session.bastions.join(" "),
  ];
}
