import type { Clock, Random } from "../../domain/clock.js";
import type { DeviceState } from "./device-state.js";
import type { SessionFaults } from "./faults.js";
import type { CommandIo, Interpreter } from "./interpreter.js";
import { generatedText, type CommandContext, type ExtraCommand } from "./simulated-device.js";

/** What stands between a received line and the interpreter: the journal, faults, and the commands that tests add. */
export interface ScenarioOptions {
  readonly device: DeviceState;
  readonly session: string;
  readonly clock: Clock;
  readonly faults: SessionFaults;
  readonly interpreter: Interpreter;
  /** Writes the line into the journal. */
  readonly record: (mode: string, line: string) => void;
  /** Cuts the connection when what was printed has left. */
  readonly cut: () => void;
  /** Cuts the connection when so many more bytes have left. */
  readonly cutAfter: (bytes: number) => void;
  readonly random: Random;
}

/** Runs one line of a session, the faults included. */
export function createScenario(options: ScenarioOptions): (line: string, io: CommandIo) => number | Promise<number> {
  const { device, clock, faults, interpreter } = options;

  const obey = (line: string, io: CommandIo): number | Promise<number> => {
    const extra = device.findExtra(line);
    if (!extra) return interpreter.run(line, io);
    return runExtra(extra.command, extra.groups, line, io, options);
  };

  return (line, io) => {
    options.record(interpreter.mode(), line);
    const now = device.faults.current;
    if (!now.hang && !now.delay && !now.question && !now.disconnectOnCommand) return obey(line, io);
    if (line.trim() === "") return obey(line, io);
    const cutting = faults.strikes("disconnectOnCommand", line);
    const when = now.disconnectOnCommand?.when ?? "before-answer";
    if (cutting && when === "before-answer") {
      // In a microtask, because the echo is still on its way out.
      queueMicrotask(options.cut);
      return never();
    }
    if (cutting && when === "in-answer") options.cutAfter(1 + Math.floor(options.random.number() * (line.length + 40)));
    if (faults.strikes("hang", line)) return never();
    const delay = faults.strikes("delay", line) ? now.delay : undefined;
    const question = faults.strikes("question", line) ? now.question!.text : undefined;
    // After the prompt at the latest, which follows in the same turn.
    const ended = (status: number): number => {
      if (cutting) setImmediate(options.cut);
      return status;
    };
    if (!delay && question === undefined) {
      const status = obey(line, io);
      return typeof status === "number" ? ended(status) : status.then(ended);
    }
    return (async () => {
      if (delay && "ms" in delay) await clock.sleep(delay.ms, io.signal).catch(() => undefined);
      else if (delay) await Promise.race([delay.until, interrupted(io.signal)]);
      if (io.signal.aborted) return 130;
      const status = await obey(line, io);
      if (question !== undefined) await io.ask(question, false);
      return ended(status);
    })();
  };
}

function runExtra(
  command: ExtraCommand,
  groups: readonly string[],
  line: string,
  io: CommandIo,
  { device, session, clock, interpreter }: ScenarioOptions,
): number | Promise<number> {
  const status = command.exitStatus ?? 0;
  const simple =
    command.delayMs === undefined && command.question === undefined && typeof command.output !== "function";
  const finish = (): number => {
    if (command.stderr !== undefined) io.error(command.stderr);
    return status;
  };
  const generated = (): Promise<void> | undefined =>
    command.bytes === undefined ? undefined : io.show(generatedText(command.bytes, line.trim()));
  if (simple) {
    const first = typeof command.output === "string" ? io.show(device.fill(command.output)) : undefined;
    const showing = first ? first.then(generated) : generated();
    return showing ? showing.then(finish) : finish();
  }
  return (async () => {
    let answer = "";
    if (command.delayMs !== undefined) await clock.sleep(command.delayMs, io.signal).catch(() => undefined);
    if (io.signal.aborted) return 130;
    if (command.question) {
      const { text, key, hidden } = command.question;
      const given = key ? await io.askKey(text) : await io.ask(text, hidden ?? false);
      if (given === undefined) return 130;
      answer = given;
    }
    const context: CommandContext = {
      ...{ line, session, groups, answer },
      device: device.definition.name,
      mode: interpreter.mode(),
      hostname: device.hostname,
      signal: io.signal,
    };
    try {
      const output =
        typeof command.output === "function"
          ? await Promise.race([command.output(context), interrupted(io.signal)])
          : command.output;
      if (output !== undefined) await io.show(typeof output === "string" ? device.fill(output) : output);
    } catch (error) {
      // The test's own function failed: say so where the test looks, rather than end the process.
      io.error(`% Simulated command failed: ${String(error)}\n`);
      return 1;
    }
    await generated();
    return finish();
  })();
}

/** Resolves, to nothing, when the command is interrupted. */
function interrupted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** A command that is never answered. */
function never(): Promise<number> {
  return new Promise(() => undefined);
}
