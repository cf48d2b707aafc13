import type { Socket } from "node:net";
import type { AuthContext, Connection, Session } from "ssh2";
import type { Clock } from "../../domain/clock.js";
import { startExec } from "./exec-session.js";
import type { DeviceState } from "./device-state.js";
import type { Journal } from "./journal.js";
import { createLogin } from "./login.js";
import { createNetworkInterpreter } from "./network-interpreter.js";
import type { SessionContext } from "./session-context.js";
import { createShellInterpreter } from "./shell-interpreter.js";
import { startShell, type TerminalSize } from "./shell-session.js";
import type { SimulatedUser } from "./simulated-device.js";
import type { Terminal } from "./terminal.js";

/** A connection that is open. */
export interface OpenConnection {
  readonly terminals: ReadonlySet<Terminal>;
  cut(): void;
}

/** What {@link serveConnection} works with. */
export interface ConnectionOptions {
  readonly connection: Connection;
  readonly socket: Socket;
  readonly clock: Clock;
  readonly journal: Journal;
  /** The device behind a user name, with the name that is left when the device's is taken off. */
  readonly route: (username: string) => { device: DeviceState; username: string } | undefined;
  /** Called once the device is known; gives the session its name. */
  readonly admit: (device: DeviceState, open: OpenConnection) => string;
  readonly reload: (device: DeviceState) => void;
}

/** Plays the device's side of one SSH connection, from authentication to its end. */
export function serveConnection(options: ConnectionOptions): void {
  const { connection, socket, clock, journal } = options;
  const terminals = new Set<Terminal>();
  const cut = (): void => {
    socket.destroySoon();
  };
  let context: (SessionContext & { user: SimulatedUser | undefined }) | undefined;
  let channels = 0;

  const meet = (device: DeviceState): NonNullable<typeof context> => {
    const session = options.admit(device, { terminals, cut });
    const made: NonNullable<typeof context> = {
      ...{ device, clock, session, cut, user: undefined },
      faults: device.faults.forSession(device.randomFor(`${session}/faults`)),
      record: (kind, mode, line) => journal.append(device.definition.name, session, kind, mode, line),
      end: () => {
        connection.end();
      },
      createInterpreter({ mode, setEcho, close }) {
        const { cli } = device.personality;
        const user = made.user;
        if (!cli) return createShellInterpreter({ device, clock, mode, setEcho, close, user: user?.username ?? "" });
        const privileged = user?.privileged ?? device.definition.enableSecret === undefined;
        return createNetworkInterpreter({
          ...{ device, cli, clock, privileged, close },
          reload: () => options.reload(device),
        });
      },
    };
    made.record("connect", "", `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`);
    return made;
  };

  connection.on("authentication", (attempt: AuthContext) => {
    const target = options.route(attempt.username);
    if (!target) return attempt.reject(["password"]);
    context ??= meet(target.device);
    const known = context;
    known.user = undefined;
    login ??= createLogin(known.device, known.record, known.end);
    login(attempt, target.username, (user) => {
      known.user = user;
    });
  });
  let login: ReturnType<typeof createLogin> | undefined;

  connection.on("session", (accept, reject) => {
    if (!context) return reject();
    const { device } = context;
    const limit = device.faults.current.maxChannels ?? device.personality.ssh.channels;
    if (channels >= limit) {
      context.record("open", "", "refused");
      return reject();
    }
    channels++;
    serveSession(context, accept(), terminals, () => {
      channels--;
    });
  });
  connection.on("request", (_accept, reject) => reject?.());
  connection.on("error", () => undefined);
  connection.on("close", () => {
    for (const terminal of terminals) terminal.close();
    terminals.clear();
    context?.record("disconnect", "", "");
  });
}

function serveSession(context: SessionContext, session: Session, terminals: Set<Terminal>, closed: () => void): void {
  const size: TerminalSize = { rows: 0 };
  session.on("pty", (accept, _reject, info) => {
    size.rows = info.rows;
    (accept as (() => void) | undefined)?.();
  });
  session.on("window-change", (accept, _reject, info) => {
    size.rows = info.rows;
    (accept as (() => void) | undefined)?.();
  });
  session.on("env", (accept: (() => void) | undefined) => accept?.());
  session.on("shell", (accept) => {
    context.record("open", "shell", "");
    const channel = accept();
    const terminal = startShell(context, channel, size);
    terminals.add(terminal);
    channel.on("close", () => {
      terminals.delete(terminal);
      context.record("close", "shell", "");
    });
  });
  session.on("exec", (accept, _reject, { command }) => {
    context.record("open", "exec-request", "");
    startExec(context, accept(), command);
  });
  session.on("close", closed);
}
