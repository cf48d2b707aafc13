import type { Clock } from "../../domain/clock.js";
import type { DeviceState } from "./device-state.js";
import type { CommandIo, Interpreter } from "./interpreter.js";
import { programs } from "./shell-programs.js";
import type { ShellState } from "./shell-state.js";

/** A small `sh`: words and quotes, `;` `&&` `||`, `>&2`, `$?`, and the programs of `shell-programs.ts`. */
export function createShellInterpreter(options: {
  readonly device: DeviceState;
  readonly clock: Clock;
  readonly user: string;
  /** Mode for the journal: `shell` on a terminal, `exec-request` otherwise. */
  readonly mode: string;
  readonly setEcho: (on: boolean) => void;
  readonly close: () => void;
}): Interpreter {
  const session: ShellState = {
    device: options.device,
    clock: options.clock,
    user: options.user,
    promptText: undefined,
    status: 0,
    setEcho: options.setEcho,
    close: options.close,
  };
  return {
    mode: () => options.mode,
    prompt() {
      const sign = session.user === "root" ? "#" : "$";
      if (session.promptText === undefined) return `${session.user}@${session.device.hostname}:~${sign} `;
      return session.promptText
        .replaceAll("\\u", session.user)
        .replaceAll("\\h", session.device.hostname)
        .replaceAll("\\w", "~")
        .replaceAll("\\$", sign);
    },
    run: (line, io) => runList(splitList(line), session, io),
    control(what) {
      if (what === "exit") options.close();
    },
    rows: () => 0,
  };
}

interface Part {
  readonly text: string;
  /** When the part runs: always, after success, or after failure of the one before. */
  readonly when: ";" | "&&" | "||";
}

function runList(parts: readonly Part[], session: ShellState, io: CommandIo): number | Promise<number> {
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]!;
    if ((part.when === "&&" && session.status !== 0) || (part.when === "||" && session.status === 0)) continue;
    const status = runOne(part.text, session, io);
    if (typeof status !== "number") {
      return status.then((value) => {
        session.status = io.signal.aborted ? 130 : value;
        return io.signal.aborted ? 130 : runList(parts.slice(at + 1), session, io);
      });
    }
    session.status = status;
  }
  return session.status;
}

function runOne(text: string, session: ShellState, io: CommandIo): number | Promise<number> {
  const toError = /\s*1?>&2\s*$/.exec(text);
  const quiet = /\s*2>\s*(?:&1|\/dev\/null)\s*$/.exec(text);
  const words = splitWords(toError ? text.slice(0, toError.index) : quiet ? text.slice(0, quiet.index) : text, session);
  const name = words[0];
  if (name === undefined) return session.status;
  const program = programs[name];
  if (!program) {
    io.error(`bash: line 1: ${name}: command not found\n`);
    return 127;
  }
  const target: CommandIo = toError
    ? {
        ...io,
        signal: io.signal,
        show(source) {
          if (typeof source === "string") io.error(source);
          return undefined;
        },
      }
    : io;
  return program(words.slice(1), session, target);
}

function splitList(line: string): Part[] {
  const parts: Part[] = [];
  let when: Part["when"] = ";";
  let start = 0;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (quote !== "") {
      if (letter === quote) quote = "";
      continue;
    }
    if (letter === "'" || letter === '"') quote = letter;
    const sign = letter === ";" ? ";" : line.startsWith("&&", at) ? "&&" : line.startsWith("||", at) ? "||" : "";
    if (sign === "") continue;
    parts.push({ text: line.slice(start, at), when });
    when = sign;
    at += sign.length - 1;
    start = at + 1;
  }
  parts.push({ text: line.slice(start), when });
  return parts;
}

function splitWords(text: string, session: ShellState): string[] {
  const words: string[] = [];
  for (const [raw] of text.matchAll(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g)) {
    words.push(
      raw.replace(/'([^']*)'|"([^"]*)"|\\(.)|(\$\?)/g, (_all, single, double, escaped, status) => {
        if (status !== undefined) return String(session.status);
        if (double !== undefined) return (double as string).replace("$?", String(session.status));
        return (single ?? escaped ?? "") as string;
      }),
    );
  }
  return words;
}
