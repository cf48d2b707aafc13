import { describe, expect, test } from "vitest";
import {
  createRedactingStream,
  createRedactor,
  createTranscript,
  parseTranscript,
  replayTranscript,
  type ReplayStep,
} from "../../src/device/index.js";
import { systemClock } from "../../src/system/clock.js";
import { endpoint, platform, pool, run } from "../support/device-engine.js";
import { startScriptedDevice } from "../support/scripted-device.js";

async function replay(text: string): Promise<ReplayStep[]> {
  const steps: ReplayStep[] = [];
  for await (const step of replayTranscript(text, { clock: systemClock, platform, silenceMs: 500 })) steps.push(step);
  return steps;
}

function bytesOf(text: string): string {
  return parseTranscript(text)
    .entries.map((entry) => ("b" in entry ? Buffer.from(entry.b, "base64").toString("latin1") : JSON.stringify(entry)))
    .join("");
}

describe("a transcript", () => {
  async function record() {
    const device = await startScriptedDevice({
      shell: async (shell) => {
        let sign = ">";
        shell.write("\r\nR1>");
        for (;;) {
          const line = await shell.line();
          if (line === "exit") return;
          if (line === "enable") {
            shell.write("Password: ");
            if ((await shell.line({ echo: false })) === "topsecret") sign = "#";
          } else if (line === "disable") sign = ">";
          else if (line === "show run") {
            shell.write("enable secret 5 $1$abcd$");
            await new Promise((resolve) => setImmediate(resolve));
            shell.write("efgh\r\nnote topsecret\r\n");
          } else if (line === "copy") {
            shell.write("Phrase: ");
            await shell.line({ echo: false });
            shell.write("done\r\n");
          } else if (line.startsWith("shwo")) shell.write("% Invalid input detected at '^' marker.\r\n");
          shell.write(`R1${sign}`);
        }
      },
    });
    const sessions = pool({ trustMs: 60_000 });
    const target = endpoint(device.port, device.hostKey);
    const cold = createTranscript(systemClock);
    const session = await sessions.checkout(target, { transcript: cold });
    await session.enterMode("enable");
    const first = await run(session, "show run");
    await run(session, "copy", { answers: [{ question: "Phrase:", answer: "hunter22", hidden: true }] });
    const second = await run(session, "shwo");
    sessions.checkin(session);
    const warm = createTranscript(systemClock);
    const again = await sessions.checkout(target, { transcript: warm });
    const third = await run(again, "show run");
    sessions.checkin(again);
    await sessions.close();
    await device.stop();
    return { cold, warm, first, second, third };
  }

  test("replays to the same outcomes without the device, from a login and from a warm session, and holds no secret", async () => {
    const { cold, warm, first, second, third } = await record();
    const text = cold.toJsonLines();
    // The password of this device is "secret", wherever it stands.
    const hidden = ["$1$abcd$efgh", "topsecret", "secret"];
    const masked = (output: string): string =>
      hidden.reduce((text, one) => text.replace(one, "*".repeat(one.length)), output);
    expect(first.output).toBe("enable secret 5 $1$abcd$efgh\nnote topsecret\n");
    const steps = await replay(text);
    expect(steps.map(({ step, output, error }) => [step, output, error])).toEqual([
      ["login", "", undefined],
      ["mode enable", "", undefined],
      ["show run", masked(first.output), undefined],
      ["copy", "Phrase: \ndone\n", undefined],
      ["shwo", second.output, undefined],
    ]);
    expect(steps.at(-1)?.outcome).toMatchObject({ status: "rejected", errorLines: second.errorLines });
    expect((await replay(warm.toJsonLines())).map(({ step, output, mode }) => [step, output, mode])).toEqual([
      ["refresh", "", "exec"],
      ["show run", masked(third.output), "exec"],
    ]);
    for (const secret of ["topsecret", "hunter22", "$1$abcd$"]) expect(bytesOf(text)).not.toContain(secret);
  });

  test("says where the engine does something else than it did then", async () => {
    const { cold } = await record();
    const text = cold
      .toJsonLines()
      .replace(Buffer.from("show run\n").toString("base64"), Buffer.from("show ruN\n").toString("base64"));
    const failed = (await replay(text)).find(({ step }) => step === "show run");
    expect(failed?.error?.message).toContain('"show run\\n" where the recording has "show ruN\\n"');
  });

  test("keeps at most so many bytes and says that it was cut", () => {
    const transcript = createTranscript(systemClock, 100);
    transcript.begin("cisco_ios", createRedactor([]));
    transcript.received(Buffer.alloc(60, "a"), "out");
    expect(transcript.truncated).toBe(false);
    transcript.received(Buffer.alloc(60, "b"), "out");
    expect(transcript.truncated).toBe(true);
    transcript.received(Buffer.alloc(10, "c"), "out");
    expect(bytesOf(transcript.toJsonLines())).toBe("a".repeat(60));
  });

  test.each([["{"], ['{"a":1}\n'], ['{"pointsman":"transcript","version":2}\n']])("%j is none", (text) =>
    expect(() => parseTranscript(text)).toThrow(RangeError),
  );
});

describe("a redactor", () => {
  test("removes our own secrets wherever they stand, short ones only as words", () => {
    const redactor = createRedactor([], ["hunter2", "ab"]);
    expect(redactor.redact("xhunter2x ab cab")).toBe("x<redacted>x <redacted> cab");
    expect(redactor.mask("xhunter2x")).toBe("x*******x");
  });

  test("finds a secret that comes in pieces, and passes every line on as soon as it is whole", () => {
    const stream = createRedactingStream(createRedactor(platform("cisco_ios").secrets));
    expect(stream.push("hostname R1\nenable sec")).toBe("hostname R1\n");
    expect(stream.push("ret 5 $1$ab")).toBe("");
    expect(stream.push("cd\nend")).toBe("enable secret 5 <redacted>\n");
    expect(stream.flush()).toBe("end");
    expect(stream.flush()).toBe("");
  });

  test("finds our own secret where a line too long to be kept is passed on in pieces", () => {
    for (const cut of [1, 4, 6]) {
      const stream = createRedactingStream(createRedactor([], ["secsec", "cs"]));
      const passed = [`${"x".repeat(70_000)}${"secsec".slice(0, cut)}`, `${"secsec".slice(cut)}y\n`].map(stream.push);
      expect(passed.join("").slice(70_000)).toBe("<redacted>y\n");
      expect(passed[0]!.length).toBeGreaterThanOrEqual(70_000);
    }
  });
});
