import type { Clock } from "../domain/clock.js";
import { checkOutput, type Finding } from "./check-output.js";
import type { Platform } from "./platform.js";
import { matchAnyPrompt } from "./prompt.js";
import {
  createRecordedDevice,
  type RecordedDevice,
  type RecordedSession,
  type RecordedTurn,
} from "./recorded-session.js";
import { renderLines } from "./screen.js";
import { openShellSession } from "./shell-session.js";
import type { LiveSession } from "./live-session.js";

/** What came of a recorded session. */
export interface SessionCheck {
  /** Commands that were replayed. */
  readonly commands: number;
  readonly findings: readonly Finding[];
}

const idleMs = 3_000;

/** The prompt a text ends with. */
function endingPrompt(platform: Platform, text: string): string | undefined {
  const lines = renderLines(text);
  const line = lines.at(-1) ?? "";
  return matchAnyPrompt(platform, line, lines.at(-2)) ? line : undefined;
}

/** Ways to cut the bytes of a recording, each with what it is called. Random lengths are the same each time. */
const otherCuts: readonly (readonly [string, () => () => number])[] = [
  ["byte by byte", () => () => 1],
  ["in pieces of 1 to 64 bytes", () => createLengths(64)],
  ["in pieces of 1 to 1,000 bytes", () => createLengths(1_000)],
];

function createLengths(most: number): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return 1 + (state % most);
  };
}

/**
 * Replays a recorded session through the engine and looks whether each command ends exactly where its reply does, whether
 * none is taken for rejected that was not, and whether all of it comes out the same when its bytes come in other pieces.
 * Undefined when the recording shows no prompts: its replies are then the bare outputs of commands.
 */
export async function checkSession(
  platform: Platform,
  recorded: RecordedSession,
  clock: Clock,
): Promise<SessionCheck | undefined> {
  const prompt = endingPrompt(platform, recorded.greeting);
  const isTerminal = recorded.turns.some(({ reply }) => endingPrompt(platform, reply) !== undefined);
  if (prompt === undefined || !isTerminal) return undefined;
  const { commands, findings, seen } = await replay(platform, clock, createRecordedDevice(recorded, prompt));
  // What is wrong already need not come out the same.
  if (findings.length > 0) return { commands, findings };
  for (const [how, lengths] of otherCuts) {
    const other = await replay(platform, clock, createRecordedDevice(recorded, prompt, lengths()));
    const step = seen.findIndex((one, index) => one !== other.seen[index]);
    if (step >= 0) findings.push({ kind: "pieces", line: step + 1, text: `reads otherwise ${how}` });
  }
  return { commands, findings };
}

/** Runs each recorded command; `seen` is what came of each, as one text. */
async function replay(
  platform: Platform,
  clock: Clock,
  device: RecordedDevice,
): Promise<{ readonly commands: number; readonly findings: Finding[]; readonly seen: readonly string[] }> {
  const findings: Finding[] = [];
  const seen: string[] = [];
  let step = 0;
  const found = (kind: Finding["kind"], text: string): void => void findings.push({ kind, line: step, text });
  let session: LiveSession;
  try {
    session = await openShellSession(
      device.transport,
      {
        ...{ address: "recording", port: 0, platform, accountKey: "recording", loginTimeoutMs: idleMs },
        account: { username: "recording", password: "********", enableSecret: "********" },
        hostKeys: { mode: "accept-new", known: [] },
      },
      { clock },
    );
  } catch (error) {
    found("stuck", `login: ${(error as Error).message}`);
    return { commands: 0, findings, seen };
  }
  let commands = 0;
  for (let turn = device.next; turn && isCommand(platform, turn); turn = device.next) {
    step++;
    commands++;
    const command = turn.sent.slice(0, -1);
    let output = "";
    try {
      const { status } = await session.run({
        command,
        idleTimeoutMs: idleMs,
        totalTimeoutMs: 600_000,
        maxOutputBytes: Number.MAX_SAFE_INTEGER,
        onOutput: (text) => void (output += text),
      });
      seen.push(JSON.stringify([status, output, session.prompt, session.mode]));
      for (const { kind, text } of checkOutput(platform, output, false)) found(kind, `${command}: ${text}`);
      if (device.unsaid > 0) {
        found("prompt", `${command}: ends at "${session.prompt}", ${device.unsaid} characters too early`);
        break;
      }
    } catch (error) {
      found("stuck", `${command}: ${(error as Error).message}`);
      break;
    }
    if (device.next === turn) break;
  }
  return { commands, findings, seen };
}

/** Whether a turn is a command, and not the goodbye that no prompt follows. */
function isCommand(platform: Platform, turn: RecordedTurn): boolean {
  const isPaged = platform.pagers.some(({ match }) => match.test(renderLines(turn.reply).at(-1) ?? ""));
  return turn.sent.endsWith("\n") && (isPaged || endingPrompt(platform, turn.reply) !== undefined);
}
