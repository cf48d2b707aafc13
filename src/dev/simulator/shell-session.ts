import type { ServerChannel } from "ssh2";
import { createOutput } from "./output.js";
import { createScenario } from "./scenario.js";
import type { SessionContext } from "./session-context.js";
import { createTerminal, type Terminal } from "./terminal.js";

/** Size of the client's terminal; 0 rows means that it has none or does not say. */
export interface TerminalSize {
  rows: number;
}

const FAULTY_PAGE = 24;

/** Plays the interactive command line of a device on a channel. */
export function startShell(context: SessionContext, channel: ServerChannel, size: TerminalSize): Terminal {
  const { device, clock, session, faults } = context;
  const { personality } = device;
  const random = device.randomFor(`${session}/output`);
  const output = createOutput({
    ...{ channel, clock, random, cut: context.cut },
    faults: () => device.faults.current,
  });
  const end = (status: number): void => {
    terminal.close();
    output.whenSent(() => {
      if (personality.kind === "shell") channel.exit(status);
      // A client drops what it has not shown yet when it reads a disconnect: wait until it has closed its side too.
      else channel.once("close", context.end);
      channel.end();
    });
  };
  let leaving = false;
  const interpreter = context.createInterpreter({
    mode: "shell",
    setEcho: (on) => {
      terminal.echo = on;
    },
    close: () => {
      leaving = true;
    },
  });
  const perform = createScenario({
    ...{ device, session, clock, faults, interpreter },
    record: (mode, line) => context.record("command", mode, line),
    cut: () => output.whenSent(context.cut),
    cutAfter: (bytes) => output.cutAfter(bytes),
    random,
  });
  const finish = (status: number): undefined => {
    if (leaving) end(status);
    return undefined;
  };
  const terminal = createTerminal({
    output,
    prompt: () => interpreter.prompt(),
    run: (line) => {
      const status = perform(line, io);
      return typeof status === "number" ? finish(status) : status.then(finish);
    },
    rows: () => (device.faults.current.pagerAlways ? FAULTY_PAGE : (interpreter.rows() ?? size.rows)),
    more: personality.more,
    interruptText: personality.interrupt,
    help: interpreter.help,
    control: (what) => {
      interpreter.control(what);
      finish(0);
    },
    interrupted: () => context.record("interrupt", interpreter.mode(), ""),
    garnish: (text) => garnish(text),
  });
  const io = {
    show: terminal.show,
    error: terminal.print,
    ask: async (question: string, hidden: boolean) => {
      const answer = await terminal.ask(question, hidden);
      if (answer !== undefined) context.record("answer", interpreter.mode(), hidden ? "" : answer);
      return answer;
    },
    askKey: async (question: string) => {
      const key = await terminal.askKey(question);
      context.record("answer", interpreter.mode(), key);
      return key;
    },
    get signal() {
      return terminal.signal;
    },
  };
  const garnish = (text: string): string => {
    const { syslogChance = 0, promptLikeChance = 0 } = device.faults.current;
    if (syslogChance === 0 && promptLikeChance === 0) return text;
    return text.replace(/[^\n]*\n/g, (row) => {
      let before = "";
      if (random.number() < syslogChance) before += `${syslogLine()}\n`;
      if (random.number() < promptLikeChance) before += `${interpreter.prompt()}\n`;
      return before + row;
    });
  };
  const syslogLine = (): string => {
    const lines = personality.syslog;
    return device.fill(lines[Math.floor(random.number() * lines.length)] ?? "");
  };

  channel.on("data", (data: Buffer) => terminal.feed(data));
  channel.on("error", () => undefined);
  channel.on("close", () => {
    terminal.close();
    output.close();
  });
  channel.on("end", () => {
    if (personality.kind === "shell") end(0);
  });
  terminal.open((device.definition.motd ?? "") + device.fill(personality.greeting));
  return terminal;
}
