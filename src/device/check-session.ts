import type { Clock } from "../domain/clock.js";
import { checkOutput, type Finding, renderLines } from "./check-output.js";
import type { Platform } from "./platform.js";
import { matchAnyPrompt } from "./prompt.js";
import { createRecordedDevice, type RecordedSession, type RecordedTurn } from "./recorded-session.js";
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

/**
 * Replays a recorded session through the engine and looks whether each command ends exactly where its reply does, and
 * whether none is taken for rejected that was not. Undefined when the recording shows no prompts: its replies are then the
 * bare outputs of commands.
 */
export async function checkSession(
  platform: Platform,
  recorded: RecordedSession,
  clock: Clock,
): Promise<SessionCheck | undefined> {
  const prompt = endingPrompt(platform, recorded.greeting);
  const isTerminal = recorded.turns.some(({ reply }) => endingPrompt(platform, reply) !== undefined);
  if (prompt === undefined || !isTerminal) return undefined;
  const device = createRecordedDevice(recorded, prompt);
  const findings: Finding[] = [];
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
    return { commands: 0, findings };
  }
  let commands = 0;
  for (let turn = device.next; turn && isCommand(platform, turn); turn = device.next) {
    step++;
    commands++;
    const command = turn.sent.slice(0, -1);
    let output = "";
    try {
      await session.run({
        command,
        idleTimeoutMs: idleMs,
        totalTimeoutMs: 600_000,
        maxOutputBytes: Number.MAX_SAFE_INTEGER,
        onOutput: (text) => void (output += text),
      });
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
  return { commands, findings };
}

/** Whether a turn is a command, and not the goodbye that no prompt follows. */
function isCommand(platform: Platform, turn: RecordedTurn): boolean {
  const isPaged = platform.pagers.some(({ match }) => match.test(renderLines(turn.reply).at(-1) ?? ""));
  return turn.sent.endsWith("\n") && (isPaged || endingPrompt(platform, turn.reply) !== undefined);
}
