import type { CommandIo } from "./interpreter.js";
import type { Action, NetworkSession } from "./network-session.js";
import { createRunningConfig } from "./running-config.js";

const notInSession = "% Unavailable command (not in a configuration session)\n";
const nothingWaits = "%No Rollback Confirmed Change pending\n";

/** What commands do with the configuration as a whole. */
export const configurationActions: Readonly<Record<string, Action>> = {
  session: (session, values) => {
    session.candidate = { name: values["session"]!, running: createRunningConfig(session.device.bodyText()) };
    return undefined;
  },
  session_diff: (session, _values, _negated, io) => {
    const { candidate, device } = session;
    if (!candidate) return io?.show(notInSession);
    const [before, after] = [device.bodyText(), rendered(session)].map((text) => text.split("\n"));
    const removed = (before ?? []).filter((line) => !after?.includes(line)).map((line) => `-${line}\n`);
    const added = (after ?? []).filter((line) => !before?.includes(line)).map((line) => `+${line}\n`);
    if (removed.length + added.length === 0) return undefined;
    const head = `--- system:/running-config\n+++ session:/${candidate.name}-session-config\n`;
    return io?.show(head + removed.join("") + added.join(""));
  },
  session_commit: (session, values, _negated, io) => {
    if (!session.candidate) return io?.show(notInSession);
    const before = session.device.bodyText();
    const [hours = 0, minutes = 0, seconds = 0] = (values["time"] ?? "").split(":").map(Number);
    session.device.replace(rendered(session));
    if (values["time"]) session.device.revertAfter(before, (hours * 3600 + minutes * 60 + seconds) * 1000);
    leave(session);
    return undefined;
  },
  session_clean: (session, _values, _negated, io) => {
    if (!session.candidate) return io?.show(notInSession);
    session.candidate = { ...session.candidate, running: createRunningConfig("") };
    return undefined;
  },
  session_abort: (session, _values, _negated, io) => {
    if (!session.candidate) return io?.show(notInSession);
    leave(session);
    return undefined;
  },
  confirm: (session, _values, _negated, io) => (session.device.keep() ? undefined : io?.show(nothingWaits)),
  revert_now: (session, _values, _negated, io) => (session.device.goBack() ? undefined : io?.show(nothingWaits)),
  revert_timer: (session, values, _negated, io) => {
    const body = session.device.bodyText();
    if (!/^archive$/m.test(body)) {
      leave(session);
      return io?.show("%Error: The configuration archive is not set up\n");
    }
    session.device.revertAfter(body, Number(values["minutes"]) * 60_000);
    return io?.show("Rollback Confirmed Change: Backing up current running config\n\n");
  },
  banner: (session, values, _negated, io) => io && readBanner(session, values["text"]!, io),
  banner_block: (session, _values, _negated, io) => io && readBannerBlock(session, io),
};

function leave(session: NetworkSession): void {
  session.modes.splice(1);
  session.candidate = undefined;
}

function rendered({ candidate, cli }: NetworkSession): string {
  return candidate?.running.render(cli.config) ?? "";
}

/** `banner motd #` and text up to the next `#`: no prompt in between, as on a router. */
async function readBanner(session: NetworkSession, text: string, io: CommandIo): Promise<void> {
  const delimiter = text.startsWith("^C") ? "^C" : text.charAt(0);
  const lines = [text.slice(delimiter.length)];
  if (!lines[0]!.includes(delimiter)) {
    await io.show(`Enter TEXT message.  End with the character '${delimiter}'.\n`);
    while (!lines.at(-1)!.includes(delimiter)) {
      const line = await io.ask("", false);
      if (line === undefined) return;
      lines.push(line);
    }
  }
  const body = lines.join("\n").split(delimiter, 1)[0]!;
  session.device.running.set([], `banner motd ^C${body}^C`, { replaces: "banner motd" });
}

/** `banner motd` and text up to a line `EOF`. */
async function readBannerBlock(session: NetworkSession, io: CommandIo): Promise<void> {
  await io.show("Enter TEXT message. Type 'EOF' on its own line to end.\n");
  const lines: string[] = [];
  for (;;) {
    const line = await io.ask("", false);
    if (line === undefined) return;
    lines.push(line);
    if (line === "EOF") break;
  }
  const running = session.candidate?.running ?? session.device.running;
  running.set([], ["banner motd", ...lines].join("\n"), { replaces: "banner motd" });
}
