import { formatTime } from "./template.js";
import type { CommandIo } from "./interpreter.js";
import type { ShellState } from "./shell-state.js";

/** A program: its arguments, the shell, its input and output; gives the exit status. */
export type Program = (args: readonly string[], session: ShellState, io: CommandIo) => number | Promise<number>;

/** Shows text and succeeds, at once where that is possible. */
function say(io: CommandIo, text: string): number | Promise<number> {
  const showing = io.show(text);
  return showing ? showing.then(() => 0) : 0;
}

/** The programs and built-ins of the simulated Linux, by name. */
export const programs: Readonly<Record<string, Program>> = {
  true: () => 0,
  ":": () => 0,
  false: () => 1,
  echo: (args, _session, io) => (args[0] === "-n" ? say(io, args.slice(1).join(" ")) : say(io, `${args.join(" ")}\n`)),
  hostname: (args, session, io) => {
    if (args[0] === undefined) return say(io, `${session.device.hostname}\n`);
    if (session.user !== "root") {
      io.error("hostname: you must be root to change the host name\n");
      return 1;
    }
    session.device.hostname = args[0];
    return 0;
  },
  whoami: (_args, session, io) => say(io, `${session.user}\n`),
  id: (_args, { user }, io) => {
    const number = user === "root" ? 0 : 1000;
    return say(io, `uid=${number}(${user}) gid=${number}(${user}) groups=${number}(${user})\n`);
  },
  uname: (args, { device }, io) => {
    if (args.length === 0 || args[0] === "-s") return say(io, "Linux\n");
    const shown: Readonly<Record<string, string>> = {
      "-r": "{version}",
      "-m": "{machine}",
      "-n": "{host}",
      "-a": "Linux {host} {version} {build} {machine} GNU/Linux",
    };
    const text = shown[args[0]!];
    if (text !== undefined) return say(io, device.fill(`${text}\n`));
    io.error(`uname: invalid option -- '${args[0]!.replace(/^-+/, "")}'\nTry 'uname --help' for more information.\n`);
    return 1;
  },
  date: (_args, { device, clock }, io) => say(io, `${formatTime(device.personality.clock.format, clock.now())}\n`),
  uptime: (_args, { device, clock }, io) =>
    say(
      io,
      device.fill(` ${formatTime("%H:%M:%S", clock.now())} up {uptime},  1 user,  load average: 0.08, 0.03, 0.01\n`),
    ),
  pwd: (_args, { user }, io) => say(io, user === "root" ? "/root\n" : `/home/${user}\n`),
  cat: (args, session, io) => concatenate(args, session, io),
  seq: (args, _session, io) => count(args, io),
  sleep: async (args, session, io) => {
    const seconds = Number(args[0]);
    if (!(seconds >= 0)) {
      io.error(`sleep: invalid time interval '${args[0] ?? ""}'\nTry 'sleep --help' for more information.\n`);
      return 1;
    }
    await session.clock.sleep(seconds * 1000, io.signal).catch(() => undefined);
    return io.signal.aborted ? 130 : 0;
  },
  exit: (args, session) => {
    session.close();
    return Number(args[0] ?? session.status) & 255;
  },
  logout: (_args, session) => {
    session.close();
    return session.status;
  },
  export: (args, session) => {
    for (const arg of args) if (arg.startsWith("PS1=")) session.promptText = arg.slice(4);
    return 0;
  },
  unset: () => 0,
  stty: (args, session) => {
    if (args.includes("-echo")) session.setEcho(false);
    if (args.includes("echo")) session.setEcho(true);
    return 0;
  },
  sudo: (args, session, io) => sudo(args, session, io),
};

function concatenate(args: readonly string[], { device }: ShellState, io: CommandIo): number | Promise<number> {
  let text = "";
  let status = 0;
  for (const path of args) {
    const file = device.personality.files[path];
    if (file !== undefined) text += device.fill(file);
    else {
      io.error(`cat: ${path}: No such file or directory\n`);
      status = 1;
    }
  }
  const showing = text === "" ? 0 : say(io, text);
  return typeof showing === "number" ? status : showing.then(() => status);
}

function count(args: readonly string[], io: CommandIo): number | Promise<number> {
  const numbers = args.map(Number);
  const bad = numbers.findIndex((number) => !Number.isInteger(number));
  if (args.length < 1 || args.length > 2 || bad >= 0) {
    io.error(bad >= 0 ? `seq: invalid floating point argument: '${args[bad]}'\n` : "seq: missing operand\n");
    return 1;
  }
  const first = numbers.length === 1 ? 1 : numbers[0]!;
  return io.show(lines(first, numbers.at(-1)!))?.then(() => 0) ?? 0;
}

function* lines(first: number, last: number): Generator<string, void, undefined> {
  let piece = "";
  for (let number = first; number <= last; number++) {
    piece += `${number}\n`;
    if (piece.length < 16_384 && number < last) continue;
    yield piece;
    piece = "";
  }
}

/** `sudo [-S] [-p PROMPT] [-i | COMMAND…]`: asks for the user's own password, like the real one. */
async function sudo(args: readonly string[], session: ShellState, io: CommandIo): Promise<number> {
  const rest = [...args];
  let question = `[sudo] password for ${session.user}: `;
  let login = false;
  for (let word = rest[0]; word?.startsWith("-"); word = rest[0]) {
    rest.shift();
    if (word === "-p") question = rest.shift() ?? question;
    if (word === "-i") login = true;
  }
  const { users, enableSecret } = session.device.definition;
  const password = enableSecret ?? users.find(({ username }) => username === session.user)?.password;
  if (session.user !== "root" && password !== undefined) {
    for (let attempt = 1; (await io.ask(question, true)) !== password; attempt++) {
      if (io.signal.aborted) return 130;
      if (attempt === 3) {
        io.error("sudo: 3 incorrect password attempts\n");
        return 1;
      }
      io.error("Sorry, try again.\n");
    }
  }
  const caller = session.user;
  session.user = "root";
  if (login && rest.length === 0) return 0;
  const program = rest[0] === undefined ? undefined : programs[rest[0]];
  const status = program ? await program(rest.slice(1), session, io) : 1;
  if (!program) io.error(`sudo: ${rest[0] ?? ""}: command not found\n`);
  session.user = caller;
  return status;
}
