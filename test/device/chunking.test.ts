import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDecoder } from "../../src/device/decoder.js";
import { builtInPlatforms } from "../../src/device/index.js";
import { openShellSession } from "../../src/device/shell-session.js";
import { createScreen } from "../../src/device/screen.js";
import { playDialog, type Turn } from "../support/dialog.js";
import { endpoint, platform } from "../support/device-engine.js";
import { createVirtualClock } from "../support/virtual-clock.js";
import { dialogs as firstDialogs, type Dialog, type DialogStep } from "./dialogs.js";
import { immediateDialogs } from "./dialogs-immediate.js";
import { stagedDialogs } from "./dialogs-staged.js";

const dialogs = [...firstDialogs, ...immediateDialogs, ...stagedDialogs];

const whole = (): number => Infinity;
const single = (): number => 1;

function cutsOf(lengths: readonly number[]): () => number {
  let at = 0;
  return () => lengths[at++ % lengths.length] ?? 1;
}

/** Plays a dialog through the engine and gives back what came out of each step. */
async function play(
  dialog: Dialog,
  cuts: () => number,
  spread: boolean,
  later?: (next: () => void) => void,
): Promise<DialogStep[]> {
  const device = playDialog(dialog.turns, cuts, spread, later);
  const clock = createVirtualClock(() => device.isQuiet());
  try {
    const target = endpoint(0, "", {
      platform: platform(dialog.platform),
      hostKeys: { mode: "accept-new", known: [] },
    });
    const session = await openShellSession(device.transport, target, { clock });
    const seen: DialogStep[] = [];
    for (const step of dialog.steps) {
      if (step.enter !== undefined) {
        await session.enterMode(step.enter);
        seen.push({ enter: step.enter, mode: session.mode, prompt: session.prompt });
        continue;
      }
      let output = "";
      const { status, errorLines } = await session.run({
        command: step.command ?? "",
        ...(step.answers ? { answers: step.answers } : {}),
        idleTimeoutMs: 30_000,
        totalTimeoutMs: 60_000,
        maxOutputBytes: 1_000_000,
        onOutput: (text) => void (output += text),
      });
      seen.push({ ...step, output, status, errorLines, mode: session.mode, prompt: session.prompt });
    }
    expect(device.complaint).toBeUndefined();
    expect(device.finished).toBe(true);
    return seen;
  } finally {
    clock.stop();
  }
}

const expected = (dialog: Dialog): DialogStep[] =>
  dialog.steps.map((step) => (step.enter === undefined ? { status: "ok", errorLines: [], ...step } : step));

test("every platform with a terminal has a dialog", () => {
  const shells = [...builtInPlatforms().values()].filter(({ channel }) => channel === "shell");
  expect([...new Set(dialogs.map((dialog) => dialog.platform))].sort()).toEqual(shells.map(({ name }) => name).sort());
});

describe.each(dialogs.map((dialog) => [dialog.name, dialog] as const))("%s", (_name, dialog) => {
  test("is read as it was meant", async () => expect(await play(dialog, whole, false)).toEqual(expected(dialog)));

  test("is read the same byte by byte", async () => expect(await play(dialog, single, true)).toEqual(expected(dialog)));

  test("is read the same in any pieces", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (lengths, spread) => {
          expect(await play(dialog, cutsOf(lengths), spread)).toEqual(expected(dialog));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("lines of output that look like the prompt", () => {
  const output = "R1#\r\nR1# \r\nR2#\r\nR1#show version\r\nR1>\r\nR1(config)#\r\n --More-- \r\nPassword: \r\nlast\r\n";
  const dialog: Dialog = {
    name: "prompts inside output",
    platform: "cisco_ios",
    turns: [
      ["<", "R1#"],
      ...["terminal length 0", "terminal width 511"].flatMap((line): Turn[] => [
        [">", `${line}\n`],
        ["<", `${line}\r\nR1#`],
      ]),
      [">", "show logging\n"],
      ["<", `show logging\r\n${output}R1#`],
      [">", "show clock\n"],
      ["<", "show clock\r\nnoon\r\nR1#"],
    ],
    steps: [
      { command: "show logging", output: output.replaceAll("\r\n", "\n"), mode: "enable", prompt: "R1#" },
      { command: "show clock", output: "noon\n", mode: "enable", prompt: "R1#" },
    ],
  };

  test("do not end the command, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }), async (lengths) => {
        expect(await play(dialog, cutsOf(lengths), false)).toEqual(expected(dialog));
      }),
      { numRuns: 60 },
    );
  });

  test("do not end the command when the bytes dribble in one by one", async () => {
    expect(await play(dialog, single, true)).toEqual(expected(dialog));
  });

  test("do not end the command where a read that was full has cut them", async () => {
    const long = `${"x".repeat(78)}\r\n`.repeat(1_000);
    const first = `show logging\r\n${long}`;
    const turns = dialog.turns.map((turn): Turn =>
      turn[1].startsWith("show logging\r") ? ["<", `${first}${output}R1#`] : turn,
    );
    const [step, ...others] = expected(dialog);
    const seen = await play(
      { ...dialog, turns },
      // The read ends behind `R1#` of a line that goes on; the rest is read at once, before anything else is.
      () => first.length + "R1#\r\nR1# \r\nR2#\r\nR1#".length,
      true,
      (next) => process.nextTick(next),
    );
    expect(seen).toEqual([{ ...step, output: `${long}${output}`.replaceAll("\r\n", "\n") }, ...others]);
  });
});

describe("the decoder", () => {
  test("reads UTF-8, and every other byte as ISO 8859-1, however the bytes are cut", () => {
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.string({ unit: "binary" }).map((text) => Uint8Array.from(Buffer.from(text))),
    );
    fc.assert(
      fc.property(fc.array(pieces), fc.array(fc.nat(7), { minLength: 1 }), (parts, lengths) => {
        const bytes = Buffer.concat(parts);
        const atOnce = createDecoder();
        const text = atOnce.push(bytes) + atOnce.flush();
        const inPieces = createDecoder();
        let joined = "";
        const cut = cutsOf(lengths);
        for (let at = 0; at < bytes.length;) {
          const to = Math.min(bytes.length, at + Math.max(1, cut()));
          joined += inPieces.push(bytes.subarray(at, to));
          at = to;
        }
        expect(joined + inPieces.flush()).toBe(text);
      }),
    );
  });

  test("agrees with the platform on valid UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const decoder = createDecoder();
        expect(decoder.push(Buffer.from(text)) + decoder.flush()).toBe(text);
      }),
    );
  });

  test.each([
    ["4dfc6e", "Mün"],
    ["c3bc", "ü"],
    ["c3", "Ã"],
    ["e28228", "â\u0082("],
    ["c080", "À\u0080"],
    ["eda080", "í\u00a0\u0080"],
    ["f09f9982", "🙂"],
    ["f4908080", "ô\u0090\u0080\u0080"],
  ])("reads %s as %j", (hex, text) => {
    const decoder = createDecoder();
    expect(decoder.push(Buffer.from(hex, "hex")) + decoder.flush()).toBe(text);
  });
});

describe("the screen", () => {
  function render(pieces: readonly string[]): string {
    let seen = "";
    const screen = createScreen((text, endsLine) => (seen += endsLine ? `${text}\n` : text));
    for (const piece of pieces) screen.write(piece);
    return seen + screen.line;
  }

  test.each([
    ["plain\r\nlines\r\n", "plain\nlines\n"],
    ["\r\r\n", "\n"],
    ["abc\rX\r\n", "Xbc\n"],
    ["abc\b\bX\r\n", "aXc\n"],
    ["50%\r100%\r\n", "100%\n"],
    ["abc\x1b[K\x1b[2Dxy\r\n", "axy\n"],
    ["abc\r\x1b[Kd\r\n", "d\n"],
    ["\x1b]0;title\x07text\r\n", "text\n"],
    ["\x1b]0;title\x1b\\text\r\n", "text\n"],
    ["\x1b]0;broken\r\ntext\r\n", "\ntext\n"],
    ["\x1b[?2004h\x1b(B\x1b=text\x1b[0;31m!\x1b[m\r\n", "text!\n"],
    ["a\tb\0c\x07\r\n", "a\tbc\n"],
    ["a\x1b[3Cb\r\n", "a   b\n"],
    ["abcd\x1b[2G\x1b[2P\x1b[@-\r\n", "a-d\n"],
    ["   \r\n", "   \n"],
  ])("renders %j as %j", (text, lines) => expect(render([text])).toBe(lines));

  test("renders the same however the text is cut", () => {
    const part = fc.constantFrom(
      "\r",
      "\n",
      "\b",
      "\x1b[K",
      "\x1b[2D",
      "\x1b[4C",
      "\x1b]0;t\x07",
      "\x1b(B",
      "a",
      "bc",
      " ",
      "\x1b[1P",
      "\x1b",
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (parts, lengths) => {
        const text = parts.join("");
        const cut = cutsOf(lengths);
        const pieces: string[] = [];
        for (let at = 0; at < text.length;) {
          const length = cut();
          pieces.push(text.slice(at, at + length));
          at += length;
        }
        expect(render(pieces)).toBe(render([text]));
      }),
    );
  });

  test("keeps a line without end whole while its memory stays bounded", () => {
    const long = "x".repeat(200_000);
    expect(render([long, "\r\n"])).toBe(`${long}\n`);
    expect(render([...long, "\r\n"])).toBe(`${long}\n`);
  });

  test("forgets a pager's line and the blanks that wipe it out", () => {
    let seen = "";
    const screen = createScreen((text) => (seen += `${text}|`));
    screen.write(" --More-- ");
    screen.dropLine();
    screen.write(`${"\b".repeat(10)}${" ".repeat(10)}${"\b".repeat(10)}  x\r\n  \r\n`);
    expect(seen).toBe("  x|  |");
  });
});
