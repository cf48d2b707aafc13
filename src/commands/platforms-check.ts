import type { Command } from "commander";
import { loadConfig } from "../config.js";
import { systemClock } from "../system/clock.js";
import type { PlatformCheck } from "./foreign-data.js";
import { configOption } from "./server.js";

interface Options {
  readonly transcripts?: string;
  readonly platforms?: string;
  readonly json?: boolean;
  readonly config?: string;
}

const help = `
DIR is searched through. What a file is of is told by the name of a folder it is in, or by the beginning of its own
name up to "#": the name of a platform, or another that its definition lists under \`known_as\`.

  <platform>/…/*.raw               the output of one command, without its echo and without prompts
  <platform>#…#simulation.yaml     a recorded session: \`init_prompt\`, and \`commands\` with what was printed for each
  <platform>#…#prompt.yaml         prompts (\`pass\`), and texts that are none (\`fail\`)
  <platform>#…#secret.yaml         texts that may not be left of the recording beside it once it is redacted (\`fail\`)
  accepted.txt                     files, or file:line, that do hold what they seem to hold

This is how tests/ of ntc-templates and spec/model/data/ of Oxidized are laid out. Every definition is also held against
its own tests. Ends with 1 when anything is found: a prompt or a rejection inside output, a prompt that is not
recognised, a recorded command whose end is not found, or that comes out otherwise when the session's bytes come one by
one or in other pieces, a secret that is not redacted. A prompt in the last line of an output was recorded with it, and
a rejection that is all of an output, or stands below a caret, is the device's own: these are no findings.`;

/** `pointsman platforms check`: definitions against their own tests, and against data that others have gathered. */
export function registerPlatformsCheck(platforms: Command): void {
  platforms
    .command("check")
    .description(
      "hold the definitions of platforms against their own tests and against recorded data, without a server",
    )
    .option("--transcripts <dir>", "folder of recorded data; see below")
    .option("--platforms <dir>", "folder of definitions (default: platforms_dir of the configuration)")
    .option("--json", "print one document")
    .addOption(configOption())
    .addHelpText("after", help)
    .action(async (_: unknown, command: Command) => {
      const { transcripts, platforms: dir, json = false, config } = command.optsWithGlobals<Options>();
      const folder = dir ?? loadConfig(config, process.env).platformsDir;
      const { installedPlatforms } = await import("../device/index.js");
      const { checkForeignData } = await import("./foreign-data.js");
      // Reading them is the check against their own tests.
      const known = new Map(installedPlatforms(folder, systemClock.now()));
      // The engine's timers do not hold the process, and there is no connection that would.
      const hold = setInterval(() => undefined, 60_000);
      const checks = transcripts === undefined ? [] : await checkForeignData(transcripts, known, systemClock);
      clearInterval(hold);
      if (transcripts !== undefined && checks.length === 0) throw new Error(`nothing to check in ${transcripts}`);
      const found = checks.flatMap(({ findings }) => findings).length;
      if (json) process.stdout.write(`${JSON.stringify({ definitions: known.size, found, checks })}\n`);
      else process.stdout.write(report(known.size, checks));
      if (found > 0) process.exitCode = 1;
    });
}

function report(definitions: number, checks: readonly PlatformCheck[]): string {
  const lines = [`${definitions} definitions hold to their own tests`];
  for (const { platform, outputs, lines: read, sessions, commands, listed, findings } of checks) {
    const of = (kind: string): number => findings.filter((finding) => finding.kind === kind).length;
    const checked = [
      ...(outputs > 0 ? [`${outputs} outputs (${read} lines)`] : []),
      ...(sessions > 0 ? [`${sessions} sessions (${commands} commands)`] : []),
      ...(listed > 0 ? [`${listed} prompts and secrets`] : []),
    ].join(", ");
    lines.push(
      `${platform}: ${checked}: ${of("prompt")} false prompts, ${of("error")} false errors, ${of("missed")} missed prompts, ` +
        `${of("stuck")} stuck, ${of("pieces")} different in pieces, ${of("secret")} secrets left`,
      ...findings.map(({ kind, file, line, text }) => `  ${kind} ${file}:${line}: ${text}`),
    );
  }
  return `${lines.join("\n")}\n`;
}
