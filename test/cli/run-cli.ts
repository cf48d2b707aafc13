import { PassThrough, Writable } from "node:stream";
import { Command } from "commander";
import { registerCliCommands, type CliIo } from "../../src/cli/index.js";

/** What a command left behind. */
export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command on its way. */
export interface RunningCli {
  readonly done: Promise<CliResult>;
  /** What it has written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Presses Ctrl-C. */
  interrupt(): void;
  /** Types at the terminal. */
  type(text: string): void;
}

/** The terminal a command is run at. */
export interface CliSetting {
  readonly url?: string;
  /** All of standard input, when it is no terminal. Default: empty. */
  readonly stdin?: string;
  /** Whether standard input, output and error are a terminal. Default false. */
  readonly tty?: boolean;
  readonly env?: Record<string, string>;
  readonly now?: Date;
  /** Takes the place of standard output. */
  readonly stdout?: Writable;
  /** Told when the command leaves at once, in place of ending it there. */
  readonly onLeave?: (status: number) => void;
}

class Left extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`left with status ${status}`);
    this.status = status;
  }
}

/** Starts the real command in this process, at a terminal made of streams. */
export function startCli(args: readonly string[], setting: CliSetting = {}): RunningCli {
  const written = { stdout: "", stderr: "" };
  const tty = setting.tty ?? false;
  const sink = (name: "stdout" | "stderr"): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString();
        done();
      },
    });
  const stdin = Object.assign(new PassThrough(), { isTTY: tty, setRawMode: () => undefined });
  if (!tty) stdin.end(setting.stdin ?? "");
  const interrupts = new Set<() => void>();
  let status = 0;
  const io: CliIo = {
    stdin,
    stdout: Object.assign(setting.stdout ?? sink("stdout"), { isTTY: tty }),
    stderr: Object.assign(sink("stderr"), { isTTY: tty }),
    env: { ...(setting.url ? { POINTSMAN_URL: setting.url } : {}), ...setting.env },
    now: () => setting.now ?? new Date(),
    setStatus: (value) => {
      status = value;
    },
    leave: (value) => {
      if (setting.onLeave) setting.onLeave(value);
      else throw new Left(value);
    },
    onInterrupt: (handler) => {
      interrupts.add(handler);
      return () => interrupts.delete(handler);
    },
  };
  const program = new Command("pointsman");
  registerCliCommands(program, io);
  const done = program.parseAsync([...args], { from: "user" }).then(
    () => ({ status, ...written }),
    (error: unknown) => {
      if (error instanceof Left) return { status: error.status, ...written };
      throw error;
    },
  );
  return {
    done,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    interrupt: () => {
      for (const handler of [...interrupts]) handler();
    },
    type: (text) => void stdin.write(text),
  };
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], setting: CliSetting = {}): Promise<CliResult> {
  return await startCli(args, setting).done;
}
