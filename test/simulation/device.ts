import { DeviceError } from "../../src/device/device-error.js";
import type { Channel, ChannelListener, Transport } from "../../src/device/transport.js";
import type { Random } from "../../src/domain/clock.js";
import type { SimulatedProcess } from "./machine.js";
import type { Timeline } from "./timeline.js";

/** A line of work that reached a device, and what became of it there. Written before the device answers. */
export interface JournalLine {
  readonly atMs: number;
  readonly device: string;
  /** Number of the login, over all devices. */
  readonly session: number;
  readonly worker: string;
  readonly line: string;
  /** The device refused it: it did nothing. */
  readonly rejected: boolean;
}

/** How likely it is, for each line or connection, that a device does not behave. */
export interface DeviceFaults {
  refused: number;
  hang: number;
  cut: number;
  slow: number;
  rejected: number;
}

export const goodDevice: DeviceFaults = { refused: 0, hang: 0, cut: 0, slow: 0, rejected: 0 };

interface Parts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly name: string;
  readonly faults: () => DeviceFaults;
  /** Called with each line of work that arrives, before anything is answered. */
  readonly heard: (line: JournalLine) => void;
  readonly nextSession: () => number;
}

/** A device whose command line interpreter keeps a configuration. Sessions are told apart, lines are journalled. */
export interface SimulatedDevice {
  readonly name: string;
  /** Logs a process in. */
  connect(process: SimulatedProcess): Promise<Transport>;
  /** Ends every session. */
  reboot(): void;
}

/** Whether a line is work, not what the engine types around it. */
export function isWork(line: string): boolean {
  return line.includes("job-");
}

export function createSimulatedDevice(parts: Parts): SimulatedDevice {
  const { timeline, random, name, faults, heard, nextSession } = parts;
  const config: string[] = [];
  const sessions = new Set<() => void>();
  const chance = (probability: number): boolean => probability > 0 && random.number() < probability;
  const networkMs = (): number => 1 + random.number() * 4;

  function connected(process: SimulatedProcess): Transport {
    const session = nextSession();
    let closed = false;
    let listener: ChannelListener | undefined;
    let onClose: (error: DeviceError) => void = () => undefined;
    let typed = "";
    let inConfig = false;
    let isBusy = false;
    /** How often it hangs up on what comes before an interrupt. */
    let hung = 0;
    let lastIn = 0;
    let lastOut = 0;

    /** The network keeps the order of what it carries, each way. */
    const toDevice = (run: () => void): void => {
      lastIn = Math.max(lastIn, timeline.now + networkMs());
      timeline.plan(lastIn - timeline.now, run);
    };
    const toWorker = (run: () => void): void => {
      lastOut = Math.max(lastOut, timeline.now + networkMs());
      process.deliver(lastOut - timeline.now, run);
    };
    const print = (text: string): void => toWorker(() => listener?.data(Buffer.from(text), "out"));
    const prompt = (): string => `${name}${inConfig ? "(config)" : ""}#`;

    const end = (): void => {
      if (closed) return;
      closed = true;
      sessions.delete(end);
      toWorker(() => {
        const error = new DeviceError("DISCONNECTED", "the device is gone");
        listener?.end({ error });
        onClose(error);
      });
    };
    sessions.add(end);
    // The device learns of a dead client by its machine's last packets.
    process.onKill(() => toDevice(end));

    function answer(line: string): string {
      if (line === "configure terminal") inConfig = true;
      else if (line === "end") inConfig = false;
      else if (line === "show running-config") return [...config, "end", ""].join("\r\n");
      else if (inConfig) config.push(line);
      else if (line.startsWith("show")) return `answer to ${line}\r\n`;
      return "";
    }

    function execute(line: string): void {
      if (line === "exit" && !inConfig) return end();
      const work = isWork(line);
      const rejected = work && chance(faults().rejected);
      if (work) heard({ atMs: timeline.now, device: name, session, worker: process.name, line, rejected });
      isBusy = true;
      const text = rejected ? "% Invalid input detected at '^' marker.\r\n" : answer(line);
      if (work && chance(faults().cut)) return timeline.plan(random.number() * 20, end);
      const turn = ++hung;
      const ms = work && chance(faults().slow) ? 200 + random.number() * 4_000 : 0.5 + random.number() * 5;
      print(`${line}\r\n`);
      const goOn = (): void => {
        if (closed || turn !== hung) return;
        isBusy = false;
        print(`${text}${prompt()}`);
        read();
      };
      timeline.plan(work && chance(faults().hang) ? 3_000 + random.number() * 25_000 : ms, goOn);
    }

    function read(): void {
      const end = typed.indexOf("\n");
      if (closed || isBusy || end < 0) return;
      const line = typed.slice(0, end);
      typed = typed.slice(end + 1);
      if (line !== "") return execute(line);
      print(`\r\n${prompt()}`);
      read();
    }

    function receive(data: string): void {
      if (closed) return;
      if (data === "\x03") {
        // Half of them do not listen while they are at work.
        if (isBusy && random.number() < 0.5) return;
        hung += 1;
        isBusy = false;
        typed = "";
        print(`^C\r\n${prompt()}`);
        return;
      }
      typed += data;
      read();
    }

    const channel: Channel = {
      listen: (next) => void (listener = next),
      write(data) {
        const isLost = () => !process.alive && random.number() < 0.3;
        toDevice(() => isLost() || receive(data));
      },
      sendEof: () => undefined,
      signal: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      close: () => toDevice(end),
    };
    return {
      hostKey: { type: "ssh-ed25519", line: "ssh-ed25519 AAAA", fingerprint: "SHA256:simulated" },
      hostKeyIsNew: false,
      remoteVersion: "simulated",
      connectMs: 0,
      authMs: 0,
      get closed() {
        return closed;
      },
      openShell() {
        print(`${prompt()}`);
        return Promise.resolve(channel);
      },
      exec: () => Promise.reject(new DeviceError("UNSUPPORTED_BY_PLATFORM", "a shell only")),
      onClose: (next) => void (onClose = next),
      close: () =>
        new Promise((resolve) => {
          toDevice(() => {
            end();
            toWorker(resolve);
          });
        }),
    };
  }

  return {
    name,
    connect: (process) =>
      new Promise((resolve, reject) => {
        const refused = chance(faults().refused);
        const ms = 2 * networkMs() + (chance(faults().slow) ? random.number() * 3_000 : 0);
        process.deliver(ms, () => {
          if (refused) reject(new DeviceError("CONNECTION_REFUSED", "not now"));
          else resolve(connected(process));
        });
      }),
    reboot: () => {
      for (const end of sessions) end();
    },
  };
}
