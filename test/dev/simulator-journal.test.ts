import { readFileSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Clock } from "../../src/domain/clock.js";
import { readJournal, type JournalEntry } from "../../src/dev/simulator/journal.js";
import { systemClock } from "../../src/system/clock.js";
import { connect, exec, openShell } from "./plain-client.js";
import { access, device, SECRET, simulate } from "./simulate.js";

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "simulator-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test("tells the whole story of a session, with time and mode, and never a secret", async () => {
  const clock: Clock = { ...systemClock, now: () => 1_700_000_000_000 };
  const simulator = await simulate([device("cisco_ios")], { clock });
  const shell = await openShell(access(simulator));
  await shell.until("r1>");
  await shell.ask("enable", "Password: ");
  await shell.ask("wrong secret", "Password: ");
  await shell.ask(SECRET, "r1#");
  await shell.ask("conf t", "r1(config)#");
  await shell.ask("interface Gi0/1", "#");
  await shell.ask("description  two  spaces ", "#");
  await shell.ask("end", "r1#");
  await shell.ask("clear counters", "[confirm]");
  shell.type("y");
  await shell.until("r1#");
  shell.type("half\x03");
  await shell.until("r1#");
  shell.type("exit\r");
  await shell.closed;
  // Either may be told first.
  await simulator.find(({ kind }) => kind === "disconnect");
  await simulator.find(({ kind }) => kind === "close");
  const journal = simulator.journal();
  expect(journal.map(({ kind, mode, line }) => `${kind} ${mode} ${line}`.trimEnd())).toEqual([
    expect.stringMatching(/^connect {2}127\.0\.0\.1:\d+$/),
    "auth  password accepted",
    "open shell",
    "command exec enable",
    "answer exec",
    "answer exec",
    "command enable conf t",
    "command config interface Gi0/1",
    "command config-if description  two  spaces",
    "command config-if end",
    "command enable clear counters",
    "answer enable y",
    "interrupt enable",
    "command enable exit",
    expect.stringMatching(/^close|disconnect/),
    expect.stringMatching(/^close|disconnect/),
  ]);
  expect(journal[8]).toEqual({
    ...{ time: 1_700_000_000_000, device: "r1", session: "r1#1", kind: "command" },
    ...{ mode: "config-if", line: "description  two  spaces " },
  });
  expect(JSON.stringify(journal)).not.toMatch(new RegExp(`${SECRET}|wrong secret`));
});

test("a line stands in the file before its answer reaches the client", async () => {
  const file = join(await folder(), "journal.jsonl");
  const simulator = await simulate([device("linux")], { journal: file });
  const client = await connect(access(simulator));
  for (let at = 0; at < 20; at++) {
    const atAnswer = await new Promise<string>((resolve, reject) => {
      client.exec(`echo ${at}`, (error, channel) => {
        if (error) return reject(error);
        channel.once("data", () => resolve(readFileSync(file, "utf8")));
        channel.resume();
      });
    });
    expect(atAnswer).toContain(`"line":"echo ${at}"`);
  }
  client.end();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("a file is continued by the next simulator, and read back without a torn last line", async () => {
  const file = join(await folder(), "journal.jsonl");
  for (const line of ["echo one", "echo two"]) {
    const simulator = await simulate([device("linux")], { journal: file });
    const client = await connect(access(simulator));
    await exec(client, line);
    client.end();
    await simulator.find(({ kind }) => kind === "disconnect");
    await simulator.close();
  }
  const { appendFileSync } = await import("node:fs");
  appendFileSync(file, '{"time":1,"dev');
  expect(
    readJournal(file)
      .filter(({ kind }) => kind === "command")
      .map(({ line }) => line),
  ).toEqual(["echo one", "echo two"]);
});

test("a function gets every entry", async () => {
  const entries: JournalEntry[] = [];
  const simulator = await simulate([device("linux")], { journal: (entry) => entries.push(entry) });
  const client = await connect(access(simulator));
  await exec(client, "true");
  client.end();
  expect(entries).toEqual(simulator.journal());
  expect(simulator.device("r1").commands()).toEqual(["true"]);
});

test("waiting for an entry ends when the caller gives up", async () => {
  const simulator = await simulate([device("linux")]);
  await expect(simulator.find(() => false, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});
