import type { ServerChannel } from "ssh2";
import type { CommandIo } from "./interpreter.js";
import { createOutput } from "./output.js";
import { createScenario } from "./scenario.js";
import type { SessionContext } from "./session-context.js";

/** Runs one exec request: no echo, no prompt, no paging; then the exit status, and the channel closes. */
export function startExec(context: SessionContext, channel: ServerChannel, command: string): void {
  const { device, clock, session, faults } = context;
  const random = device.randomFor(`${session}/output`);
  const output = createOutput({
    ...{ channel, clock, random, cut: context.cut },
    faults: () => device.faults.current,
  });
  const gone = new AbortController();
  const input = createLineReader(channel, gone.signal);
  const interpreter = context.createInterpreter({
    mode: "exec-request",
    setEcho: () => undefined,
    close: () => undefined,
  });
  const perform = createScenario({
    ...{ device, session, clock, faults, interpreter },
    record: (mode, line) => context.record("command", mode, line),
    cut: () => output.whenSent(context.cut),
    cutAfter: (bytes) => output.cutAfter(bytes),
    random,
  });
  const wire = (text: string): string => (device.personality.kind === "network" ? text.replaceAll("\n", "\r\n") : text);
  // Both streams share one window, and ssh2 forgets what stands in the second while the first waits for room.
  const writeError = (text: string, then?: () => void): void => {
    channel.write("", () => channel.stderr.write(text, then));
  };
  const ask = async (question: string, hidden: boolean): Promise<string | undefined> => {
    writeError(question);
    const answer = await input();
    if (answer !== undefined) context.record("answer", interpreter.mode(), hidden ? "" : answer);
    return answer;
  };
  const io: CommandIo = {
    show(source) {
      if (typeof source !== "string") return pour(source);
      output.write(wire(source));
      return output.room();
    },
    error: (text) => writeError(text),
    ask,
    askKey: async (question) => (await ask(question, false)) || "\r",
    signal: gone.signal,
  };
  const pour = async (source: Iterable<string> | AsyncIterable<string>): Promise<void> => {
    for await (const piece of source) {
      if (gone.signal.aborted) return;
      output.write(wire(piece));
      const full = output.room();
      if (full) await full;
    }
  };
  const finish = (status: number): void => {
    output.whenSent(() => {
      writeError("", () => {
        if (device.personality.kind === "shell") channel.exit(status);
        channel.end();
      });
    });
  };

  channel.on("error", () => undefined);
  channel.stderr.on("error", () => undefined);
  channel.on("close", () => {
    gone.abort();
    output.close();
  });
  const status = perform(command, io);
  if (typeof status === "number") finish(status);
  else void status.then(finish);
}

/** Gives the lines that the client sends, one per call; undefined when it is gone. */
function createLineReader(channel: ServerChannel, gone: AbortSignal): () => Promise<string | undefined> {
  let text = "";
  let over = false;
  let look: () => void = () => undefined;
  channel.on("data", (data: Buffer) => {
    text += data.toString("utf8");
    look();
  });
  channel.on("end", () => {
    over = true;
    look();
  });
  gone.addEventListener("abort", () => look(), { once: true });
  return () =>
    new Promise((resolve) => {
      look = () => {
        const line = /^([^\r\n]*)\r?\n/.exec(text);
        if (!line && !over && !gone.aborted) return;
        look = () => undefined;
        text = line ? text.slice(line[0].length) : "";
        resolve(line?.[1]);
      };
      look();
    });
}
