import type { Clock } from "../../domain/clock.js";
import { createCommandTree, type CommandTree, type Lookup } from "./command-tree.js";
import type { DeviceState } from "./device-state.js";
import type { CommandIo, Interpreter } from "./interpreter.js";
import { actions } from "./network-actions.js";
import type { NetworkSession } from "./network-session.js";
import { filterOutput, splitPipe } from "./output-filter.js";
import type { Ask, CliPersonality, CommandEntry } from "./personality.js";

interface Tree {
  readonly commands: CommandTree<CommandEntry>;
  /** What `no …` may name without a value, because there is only one of it: `description`. */
  readonly singles: ReadonlySet<string>;
}

type Found = Extract<Lookup<CommandEntry>, { kind: "found" }>;
type Missed = Exclude<Lookup<CommandEntry>, { kind: "found" }>;

const trees = new WeakMap<CliPersonality, ReadonlyMap<string, Tree>>();

/** What a network command line needs from its session. */
export interface NetworkInterpreterOptions {
  readonly device: DeviceState;
  readonly cli: CliPersonality;
  readonly clock: Clock;
  readonly privileged: boolean;
  /** Closes the session. */
  readonly close: () => void;
  /** Ends every session of the device and starts it again. */
  readonly reload: () => void;
}

/** The command line of one session on a network device. */
export function createNetworkInterpreter(options: NetworkInterpreterOptions): Interpreter {
  const { device, cli, clock } = options;
  const byMode = treesOf(cli);
  const session: NetworkSession = {
    device,
    cli,
    modes: [{ mode: options.privileged ? cli.login.privileged : cli.login.plain }],
    length: undefined,
    candidate: undefined,
    close: options.close,
    reload: options.reload,
  };
  const current = (): string => session.modes.at(-1)!.mode;
  const prompt = (): string => {
    const mode = cli.modes[current()]!;
    const host = mode.configuration ? device.hostname.slice(0, cli.hostLimit) : device.hostname;
    const shown = session.candidate
      ? mode.prompt.replace("(config", `(config-s-${session.candidate.name.slice(0, 6)}`)
      : mode.prompt;
    return device.fill(shown, { ...session.modes.at(-1)!.values, host });
  };

  /** Tries the mode we are in, then, in a section, the modes around it, as devices do. */
  const find = (line: string): Lookup<CommandEntry> => {
    let best: Missed | undefined;
    for (let depth = session.modes.length - 1; depth >= 0; depth--) {
      const { mode } = session.modes[depth]!;
      if (!cli.modes[mode]!.configuration && best) break;
      const result = byMode.get(mode)!.commands.find(line);
      if (result.kind === "found") {
        if (result.entry.config !== undefined) session.modes.length = depth + 1;
        return result;
      }
      if (!best || result.column > best.column) best = result;
      if (!cli.modes[mode]!.configuration) break;
    }
    return best!;
  };

  const isSingle = (canonical: string): boolean =>
    session.modes.some(({ mode }) => byMode.get(mode)!.singles.has(canonical));

  const reject = (missed: Missed, line: string, io: CommandIo, indent: number): Promise<void> | undefined => {
    const text = { invalid: cli.errors.invalid, incomplete: cli.errors.incomplete, ambiguous: cli.errors.ambiguous };
    const token = missed.kind === "invalid" ? missed : { token: 0, text: "" };
    return io.show(
      device.fill(text[missed.kind], {
        caret: " ".repeat(indent + missed.column),
        line: line.trim(),
        token: String(token.token),
        word: token.text,
      }),
    );
  };

  const askAll = async (asks: readonly Ask[], io: CommandIo): Promise<boolean> => {
    for (const ask of asks) {
      if (ask.unsaved && !device.unsaved) continue;
      const question = device.fill(ask.question);
      const answer = ask.key ? await io.askKey(question) : await io.ask(question, false);
      if (answer === undefined || answer === "\x03" || !ask.accept.test(answer)) {
        await io.show(device.fill(ask.refused));
        return false;
      }
      if (ask.unsaved && /^y/i.test(answer)) device.save();
    }
    return true;
  };

  const configure = (found: Found, negated: boolean): void => {
    const section = session.modes.flatMap(({ line }) => (line === undefined ? [] : [line]));
    const { entry, canonical, stem } = found;
    const running = session.candidate?.running ?? device.running;
    if (negated) {
      running.remove(section, entry.config === "single" ? stem : canonical);
      return;
    }
    running.remove(section, `no ${stem}`);
    running.set(section, canonical, entry.config === "single" ? { replaces: stem } : {});
  };

  const perform = (found: Found, negated: boolean, filter: string | undefined, io: CommandIo) => {
    const { entry, values } = found;
    if (entry.config !== undefined) configure(found, negated);
    if (entry.enter !== undefined && !negated) {
      if (entry.config !== "section") session.modes.length = 1;
      session.modes.push({
        mode: entry.enter,
        ...(entry.config === "section" ? { line: found.canonical, values: sectionNames(values) } : {}),
      });
    }
    const action = entry.action === undefined ? undefined : actions[entry.action]?.(session, values, negated, io);
    const output = (): Promise<void> | undefined => {
      if (entry.stream) return io.show(streamed(device.fill(entry.stream.text, values), entry.stream, clock, io));
      if (entry.output === "") return undefined;
      const text = device.fill(entry.output, values);
      return io.show(filter === undefined ? text : filterOutput(text, filter));
    };
    return action ? action.then(output) : output();
  };

  const execute = (line: string, io: CommandIo, indent: number, look: (line: string) => Lookup<CommandEntry>) => {
    const [command, filter] = splitPipe(line);
    const negation = cli.modes[current()]!.configuration ? /^\s*(?:no|default)\s+/.exec(command)?.[0] : undefined;
    const rest = negation === undefined ? command : command.slice(negation.length);
    let found = look(rest);
    if (found.kind !== "found") {
      if (negation === undefined || found.kind !== "incomplete" || !isSingle(found.canonical)) {
        return reject(found, line, io, indent + (negation?.length ?? 0));
      }
      const entry: CommandEntry = { syntax: [], output: "", ask: [], config: "single" };
      found = { kind: "found", entry, canonical: found.canonical, stem: found.canonical, values: {} };
    }
    const target = found;
    const values = { ...target.values };
    if (target.entry.action === "do") {
      const inner = values["line"]!;
      return execute(inner, io, indent + line.length - inner.length, (text) =>
        byMode.get(cli.login.privileged)!.commands.find(text),
      );
    }
    if (target.entry.ask.length === 0) return perform(target, negation !== undefined, filter, io);
    return askAll(target.entry.ask, io).then((go) =>
      go ? perform(target, negation !== undefined, filter, io) : undefined,
    );
  };

  return {
    mode: current,
    prompt,
    rows: () => session.length,
    run(line, io) {
      if (line.trim() === "" || line.trimStart().startsWith("!")) return 0;
      const running = execute(line, io, prompt().length, find);
      return running ? running.then(() => 0) : 0;
    },
    ...(cli.help
      ? {
          help: (line: string) => {
            const next = byMode.get(current())!.commands.next(line);
            return next.length === 0 ? "% Unrecognized command\n" : `${next.map((word) => `  ${word}\n`).join("")}\n`;
          },
        }
      : {}),
    control(what) {
      const configuring = cli.modes[current()]!.configuration;
      if (what === "end" && configuring) void actions["end"]?.(session, {}, false, undefined);
      if (what === "exit") void actions[configuring ? "exit" : "close"]?.(session, {}, false, undefined);
    },
  };
}

function treesOf(cli: CliPersonality): ReadonlyMap<string, Tree> {
  const known = trees.get(cli);
  if (known) return known;
  const made = new Map<string, Tree>();
  for (const [name, mode] of Object.entries(cli.modes)) {
    const commands = createCommandTree<CommandEntry>(cli.interfaces);
    const singles = new Set<string>();
    for (const group of [...mode.includes, name]) {
      for (const entry of cli.commands[group] ?? []) {
        if (entry.action !== undefined && entry.action !== "do" && !(entry.action in actions)) {
          throw new Error(`"${entry.syntax[0]}": there is no action "${entry.action}"`);
        }
        for (const syntax of entry.syntax) {
          commands.add(syntax, entry);
          if (entry.config === "single") singles.add(syntax.replace(/ ?<.*/, ""));
        }
      }
    }
    made.set(name, { commands, singles });
  }
  trees.set(cli, made);
  return made;
}

async function* streamed(
  text: string,
  stream: { readonly everyMs: number; readonly times: number },
  clock: Clock,
  io: CommandIo,
): AsyncGenerator<string, void, undefined> {
  for (let count = 0; count < stream.times && !io.signal.aborted; count++) {
    if (count > 0 && stream.everyMs > 0) {
      await clock.sleep(stream.everyMs, io.signal).catch(() => undefined);
      if (io.signal.aborted) return;
    }
    yield text;
  }
}

/** Values as prompts name them: interfaces by their first two letters, `Et1`. */
function sectionNames(values: Readonly<Record<string, string>>): Record<string, string> {
  const { interface: name } = values;
  return name === undefined ? values : { ...values, interface: name.replace(/^(..)[A-Za-z-]*/, "$1") };
}
