import { configurationActions } from "./configuration-actions.js";
import type { CommandIo } from "./interpreter.js";
import type { Action, NetworkSession } from "./network-session.js";

/** What commands do besides printing, by the name that a personality's `do` gives. */
export const actions: Readonly<Record<string, Action>> = {
  ...configurationActions,
  close: (session) => {
    session.close();
    return undefined;
  },
  exit: (session) => {
    const parent = session.cli.modes[session.modes.at(-1)!.mode]!.parent;
    if (parent === undefined) session.close();
    else session.modes.pop();
    return undefined;
  },
  end: (session) => {
    while (session.modes.length > 1 && session.cli.modes[session.modes.at(-1)!.mode]!.configuration)
      session.modes.pop();
    session.candidate = undefined;
    return undefined;
  },
  enable: (session, _values, _negated, io) => {
    const { cli, device } = session;
    if (session.modes.at(-1)!.mode === cli.login.privileged) return undefined;
    const secret = device.definition.enableSecret;
    if (secret === undefined) {
      session.modes.splice(0, Infinity, { mode: cli.login.privileged });
      return undefined;
    }
    return io && askSecret(session, secret, io);
  },
  disable: (session) => {
    session.modes.splice(0, Infinity, { mode: session.cli.login.plain });
    return undefined;
  },
  length: (session, values) => {
    session.length = Number(values["count"] ?? 0);
    return undefined;
  },
  // Nothing a device prints here depends on its width; the command is accepted as real ones do.
  width: () => undefined,
  hostname: (session, values, negated) => {
    if (!session.candidate) session.device.hostname = negated ? "Router" : values["name"]!;
    return undefined;
  },
  save: (session) => {
    session.device.save();
    return undefined;
  },
  reload: (session) => {
    session.reload();
    return undefined;
  },
};

async function askSecret(session: NetworkSession, secret: string, io: CommandIo): Promise<void> {
  const { question, attempts, refused } = session.cli.enable;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await io.ask(question, true);
    if (answer === undefined) return;
    if (answer === secret) {
      session.modes.splice(0, Infinity, { mode: session.cli.login.privileged });
      return;
    }
  }
  await io.show(refused);
}
