import type { Server as TcpServer } from "node:net";
import type { Server as SshServer } from "ssh2";
import type { OpenConnection } from "./connection.js";
import type { DeviceState } from "./device-state.js";
import type { Faults } from "./faults.js";
import { createHostKey, type HostKey } from "./host-key.js";
import type { Journal } from "./journal.js";
import type { ExtraCommand } from "./simulated-device.js";

/** One simulated device, to look at and to trouble while it runs. */
export interface SimulatedDeviceHandle {
  readonly name: string;
  readonly platform: string;
  readonly host: string;
  readonly port: number;
  /** The host key as a known_hosts line without the host: `ssh-ed25519 AAAA…`. */
  readonly hostKeyLine: string;
  readonly hostname: string;
  /** The configuration as `show running-config` prints it, without what that command adds. */
  readonly runningConfig: string;
  /** SSH connections open now. */
  readonly connections: number;
  /** Commands that the device was sent, in order: the `command` entries of the journal in memory. */
  commands(): readonly string[];
  /** Replaces all faults; none given clears them. */
  setFaults(faults?: Faults): void;
  /** Adds a command, in front of those there are. */
  addCommand(command: ExtraCommand): void;
  /** Gives the device another host key; new connections see it. Returns its line. */
  changeHostKey(key?: HostKey): string;
  /** Prints a line on every open terminal, between or into whatever happens there (default: a syslog line). */
  announce(text?: string): void;
  /** Cuts every connection without a word. */
  disconnectAll(): void;
  /** Stops listening (connections are refused), keeping the port for {@link SimulatedDeviceHandle.listen}. */
  stopListening(): void;
  /** Listens again on the same port. */
  listen(): Promise<void>;
}

/** A device as the simulator holds it. */
export interface Member {
  readonly state: DeviceState;
  readonly open: Set<OpenConnection>;
  hostKey: HostKey;
  /** Made at the first connection, and again after a change of the host key. */
  ssh: SshServer | undefined;
  tcp: TcpServer | undefined;
  port: number;
  /** TCP connections open now. */
  sockets: number;
  /** Sessions so far, for their names. */
  sessions: number;
  /** TCP connections that a chance has decided on. */
  offered: number;
}

/** The handle of a device; `sharedPort` is the one port where there is only one. */
export function createDeviceHandle(
  member: Member,
  simulator: {
    readonly host: string;
    readonly sharedPort: number | undefined;
    readonly journal: Journal;
    readonly listen: () => Promise<void>;
  },
): SimulatedDeviceHandle {
  const { state } = member;
  const { name, platform } = state.definition;
  const { host, sharedPort, journal, listen } = simulator;
  return {
    ...{ name, host, platform, listen },
    get port() {
      return sharedPort ?? member.port;
    },
    get hostKeyLine() {
      return member.hostKey.line;
    },
    get hostname() {
      return state.hostname;
    },
    get runningConfig() {
      return state.runningText();
    },
    get connections() {
      return member.open.size;
    },
    commands: () =>
      journal.entries().flatMap((entry) => (entry.device === name && entry.kind === "command" ? [entry.line] : [])),
    setFaults: (faults = {}) => state.faults.set(faults),
    addCommand: (command) => {
      state.extra.push(command);
    },
    changeHostKey(key = createHostKey()) {
      if (sharedPort !== undefined) throw new Error("Devices on one port share its host key");
      member.hostKey = key;
      member.ssh = undefined;
      return key.line;
    },
    announce(text) {
      const line = text ?? state.fill(state.personality.syslog[0] ?? "");
      for (const { terminals } of member.open) for (const terminal of terminals) terminal.announce(line);
    },
    disconnectAll() {
      for (const connection of member.open) connection.cut();
    },
    stopListening() {
      // No new connections from here on; those that are open stay.
      member.tcp?.close();
      member.tcp = undefined;
    },
  };
}
