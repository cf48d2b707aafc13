import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";
import ssh2, { type Server as SshServer } from "ssh2";
import type { Clock } from "../../domain/clock.js";
import { serveConnection } from "./connection.js";
import { createDeviceState, type DeviceState } from "./device-state.js";
import { createDeviceHandle, type Member, type SimulatedDeviceHandle } from "./device-handle.js";
import { createHostKey, type HostKey } from "./host-key.js";
import { createJournal, type JournalEntry } from "./journal.js";
import type { SimulatedDevice } from "./simulated-device.js";

/** What {@link createSimulator} needs to know. */
export interface SimulatorOptions {
  readonly clock: Clock;
  readonly devices: readonly SimulatedDevice[];
  /** Decides every random choice; the same seed gives the same bytes in the same pieces. Default 1. */
  readonly seed?: string | number;
  /**
   * `ports: "each"` (default) gives every device its own port; `"one"` one port for all, where the user name selects
   * the device: `user%device`. `port` is that one port. Host default `127.0.0.1`, port default ephemeral. On one port,
   * what happens before the user name is known (host key, banner, refused or silent connections) cannot be a device's.
   */
  readonly listen?: { readonly host?: string; readonly ports?: "each" | "one"; readonly port?: number };
  /** Default: a new one. Devices without a key of their own share it. */
  readonly hostKey?: HostKey;
  /** A file (JSON lines, appended synchronously before each answer) or a function that gets every entry. */
  readonly journal?: string | ((entry: JournalEntry) => void);
}

/** Simulated devices that listen. */
export interface Simulator {
  readonly host: string;
  /** The one port of `ports: "one"`; otherwise undefined. */
  readonly port: number | undefined;
  /** Every device, in the order given. */
  readonly devices: readonly SimulatedDeviceHandle[];
  /** A device by name. Throws for an unknown one. */
  device(name: string): SimulatedDeviceHandle;
  /** Entries in memory, oldest first: the last 100,000. */
  journal(): readonly JournalEntry[];
  /** The first entry that satisfies `wanted`, past or to come. Rejects when `signal` aborts. */
  find(wanted: (entry: JournalEntry) => boolean, signal?: AbortSignal): Promise<JournalEntry>;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** ssh2 takes 0 for its own default of 15 s; this keeps a timer, but one that never fires. */
const NO_KEEPALIVE_MS = 2 ** 31 - 1;

/** Starts simulated devices; resolves when all of them listen. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clock } = options;
  const host = options.listen?.host ?? "127.0.0.1";
  const hostKey = options.hostKey ?? createHostKey();
  const journal = createJournal(clock, options.journal);
  const seed = String(options.seed ?? 1);
  const members = new Map<string, Member>();
  const sockets = new Set<Socket>();

  for (const definition of options.devices) {
    if (members.has(definition.name)) throw new Error(`Two simulated devices are named "${definition.name}"`);
    members.set(definition.name, {
      state: createDeviceState(definition, clock, seed),
      open: new Set(),
      hostKey: (options.listen?.ports === "one" ? undefined : definition.hostKey) ?? hostKey,
      ...{ ssh: undefined, tcp: undefined, port: definition.port ?? 0, sockets: 0, sessions: 0, offered: 0 },
    });
  }

  const memberOf = (state: DeviceState): Member => members.get(state.definition.name)!;
  const createSsh = (key: HostKey, only: Member | undefined): SshServer => {
    const personality = only?.state.personality;
    const server = new ssh2.Server({
      hostKeys: [key.privateKey],
      keepaliveInterval: NO_KEEPALIVE_MS,
      keepaliveCountMax: 1,
      ...(personality ? { ident: personality.ssh.ident } : {}),
      ...(only?.state.definition.banner === undefined
        ? {}
        : { banner: only.state.definition.banner.replaceAll("\n", "\r\n") }),
    });
    server.on("connection", (connection, info) => {
      const socket = waiting.get(wayOf(info.ip, info.port, only ? only.port : commonPort));
      if (!socket) return connection.end();
      serveConnection({
        ...{ connection, socket, clock, journal },
        route(username) {
          if (only) return { device: only.state, username };
          const at = username.lastIndexOf("%");
          const found = members.get(username.slice(at + 1));
          return found && { device: found.state, username: username.slice(0, at) };
        },
        admit(device, open) {
          const member = memberOf(device);
          member.open.add(open);
          socket.once("close", () => member.open.delete(open));
          return `${device.definition.name}#${++member.sessions}`;
        },
        reload(device) {
          device.restart();
          for (const open of memberOf(device).open) open.cut();
        },
      });
    });
    return server;
  };
  // By both ends: the system gives one port of a client to connections to several devices.
  const waiting = new Map<string, Socket>();

  const take = (socket: Socket, member: Member | undefined, ssh: () => SshServer): void => {
    const way = wayOf(socket.remoteAddress, socket.remotePort, socket.localPort);
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (member) member.sockets++;
    socket.once("close", () => {
      sockets.delete(socket);
      if (waiting.get(way) === socket) waiting.delete(way);
      if (member) member.sockets--;
    });
    const faults = member?.state.faults.current ?? {};
    const refusal = Number(faults.refuseConnection ?? 0);
    if (
      refusal > 0 &&
      (refusal >= 1 || member!.state.randomFor(`connection ${++member!.offered}`).number() < refusal)
    ) {
      socket.resetAndDestroy();
    } else if (faults.maxConnections !== undefined && member!.sockets > faults.maxConnections) {
      socket.destroy();
    } else if (!faults.silent) {
      waiting.set(way, socket);
      ssh().injectSocket(socket);
    } else socket.resume();
  };

  const open = async (member: Member): Promise<void> => {
    if (member.tcp) return;
    const server = createServer({ noDelay: true }, (socket) =>
      take(socket, member, () => (member.ssh ??= createSsh(member.hostKey, member))),
    );
    member.tcp = server;
    const preferred = member.port === 0 ? member.state.definition.preferredPort : undefined;
    if (preferred !== undefined) member.port = await listen(server, host, preferred).catch(() => 0);
    if (member.port === 0 || !server.listening) member.port = await listen(server, host, member.port);
  };

  let common: TcpServer | undefined;
  let commonPort: number | undefined;
  const close = async (): Promise<void> => {
    const servers = [common, ...[...members.values()].map(({ tcp }) => tcp)].filter((server) => server?.listening);
    const closed = servers.map((server) => new Promise((resolve) => server?.close(resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    journal.close();
  };
  try {
    if (options.listen?.ports === "one") {
      const ssh = createSsh(hostKey, undefined);
      common = createServer({ noDelay: true }, (socket) => take(socket, undefined, () => ssh));
      commonPort = await listen(common, host, options.listen.port ?? 0);
    } else for (const member of members.values()) await open(member);
  } catch (error) {
    await close();
    throw error;
  }

  const handles = new Map(
    [...members].map(([name, member]) => [
      name,
      createDeviceHandle(member, {
        ...{ host, journal, sharedPort: commonPort },
        listen: () => open(member),
      }),
    ]),
  );

  return {
    host,
    port: commonPort,
    devices: [...handles.values()],
    device(name) {
      const found = handles.get(name);
      if (!found) throw new Error(`There is no simulated device "${name}"`);
      return found;
    },
    journal: journal.entries,
    find: journal.find,
    close,
  };
}

/** Names a connection by its client and the port that it came to. */
function wayOf(address: string | undefined, port: number | undefined, to: number | undefined): string {
  return `${address}:${port} ${to}`;
}

function listen(server: TcpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
