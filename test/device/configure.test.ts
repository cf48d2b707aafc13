import { afterEach, expect, test } from "vitest";
import { createConfigurator, parseConfiguration, parsePlatform, type Session } from "../../src/device/index.js";
import { endpoint, pool } from "../support/device-engine.js";
import { type ScriptedShell, startScriptedDevice } from "../support/scripted-device.js";

const definition = parsePlatform(`
name: lab
description: A device of this test
channel: shell
terminal: { columns: 511, rows: 1000 }
prompts:
  enable: '^(?<host>[\\w.-]+)#\\s?$'
  config: '^(?<host>[\\w.-]+)\\(config\\)#\\s?$'
errors: ["^% "]
questions: ['\\?\\s*$']
configure:
  evidence: documents
  base: enable
  mode: config
  enter: { send: configure }
  leave: { send: end, answers: [{ question: "commit them before exiting? [cancel]:", answer: "no" }] }
  running: { send: show running-config }
  save: { evidence: documents, send: save, expect: ^Saved }
  errors: ["^Failed"]
  blocks: [{ start: '^banner (?<delimiter>\\S)', invite: "^Enter TEXT" }]
`);

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A device whose answer to each line typed in its configuration is given. */
async function start(answer: (line: string, shell: ScriptedShell) => Promise<string> | string) {
  const typed: string[] = [];
  const device = await startScriptedDevice({
    async shell(shell) {
      let prompt = "lab#";
      for (;;) {
        shell.write(prompt);
        const line = await shell.line();
        typed.push(line);
        if (line === "configure") prompt = "lab(config)#";
        else if (line === "end") prompt = "lab#";
        if (line !== "") shell.write((await answer(line, shell)).replaceAll("\n", "\r\n"));
      }
    },
  });
  closing.push(() => device.stop());
  const sessions = pool();
  closing.push(() => sessions.close());
  const session = await sessions.checkout(endpoint(device.port, device.hostKey, { platform: definition }));
  const configurator = createConfigurator(definition, "s1", undefined);
  await configurator.prepare(session);
  await configurator.open(session);
  const type = async (on: Session, ...lines: string[]) => {
    const outcomes = [];
    for (const line of parseConfiguration(configurator.rules, lines).lines) {
      outcomes.push(await configurator.type(on, line));
    }
    return outcomes;
  };
  return { session, configurator, typed, type };
}

test("a text is typed only after the device has asked for it: rejected at its first line, the rest never leaves", async () => {
  const { session, type, typed } = await start((line) => (line.startsWith("banner") ? "% Unknown banner\n" : ""));
  const [outcome] = await type(session, "banner @", "reload", "@");
  expect(outcome).toMatchObject({ status: "rejected", errorLines: ["% Unknown banner"] });
  expect(typed.filter((line) => line !== "")).toEqual(["configure", "banner @"]);
});

test("a text that reads like the device's own prompt does not end before it ends", async () => {
  const { session, type, typed } = await start(async (line, shell) => {
    if (!line.startsWith("banner")) return "";
    shell.write("Enter TEXT message.  End with the character '@'.\r\n");
    const text: string[] = [];
    while (!text.at(-1)?.includes("@")) text.push(await shell.line());
    typed.push(...text);
    return "";
  });
  const text = ["lab(config)#", "", "% looks like an error", "@"];
  const outcomes = await type(session, "banner @", ...text, "next");
  expect(outcomes.map(({ status }) => status)).toEqual(["ok", "ok"]);
  expect(typed.slice(typed.indexOf("configure"))).toEqual(["configure", "banner @", ...text, "next"]);
});

test("the platform's own answer meets the question that leaving asks, and its own words reject a line", async () => {
  const { session, type, configurator, typed } = await start(async (line, shell) => {
    if (line === "bad") return "Failed to do so\n";
    if (line !== "end") return "";
    shell.write("Uncommitted changes found, commit them before exiting? [cancel]: ");
    typed.push(await shell.line());
    return "";
  });
  expect((await type(session, "good", "bad")).map(({ status }) => status)).toEqual(["ok", "rejected"]);
  await configurator.leave(session);
  expect(session.mode).toBe("enable");
  expect(typed.slice(-2)).toEqual(["end", "no"]);
});

test("a line that leads out of the configuration counts as rejected", async () => {
  const { session, type } = await start(() => "");
  await type(session, "good");
  const bounds = { idleTimeoutMs: 60_000, totalTimeoutMs: 60_000, maxOutputBytes: 100 };
  await session.run({ command: "end", ...bounds });
  expect(session.mode).toBe("enable");
  const [outcome] = await type(session, "good");
  expect(outcome).toMatchObject({ status: "rejected", errorLines: ["the line left the configuration"] });
});

test.each([
  ["Saved to flash\n", "ok", []],
  ["", "rejected", []],
  ["Writing...\nflash: no space left on device\n", "rejected", ["Writing...", "flash: no space left on device"]],
])("a step whose answer is known is done when the device says so: %j", async (answer, status, errorLines) => {
  const { session, configurator } = await start((line) => (line === "save" ? answer : ""));
  await configurator.leave(session);
  const outcome = await configurator.step(session, definition.configuration!.save!);
  expect(outcome).toMatchObject({ status, errorLines });
});

test("a prompt right behind the echo is believed at once, unless the line may end the connection", async () => {
  const { session } = await start(async (line, shell) => {
    if (line !== "cut") return "";
    shell.write("lab(config)#");
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error("the way to it is cut");
  });
  const bounds = { idleTimeoutMs: 30_000, totalTimeoutMs: 30_000, maxOutputBytes: 100, settleMs: 20_000 };
  expect(await session.run({ command: "good", ...bounds })).toMatchObject({ status: "ok" });
  const cut = session.run({ command: "cut", expectDisconnect: true, ...bounds });
  await expect(cut).rejects.toMatchObject({ reason: "DISCONNECTED" });
});
