import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { MissingOutputSchema, RunSchema, TargetOutputSchema } from "@pointsman/sdk/v1";
import { status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { time } from "../terminal/format.js";

/** `outputs`: what each target gave in the latest run of a schedule. Ends with 1 while something is missing. */
export function registerOutputs(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "outputs", "Show what each target gave in the latest complete run of a schedule")
    .argument("<schedule>", "the schedule")
    .option("--partial", "of the latest run as far as it is, naming what is missing");
  kit.run<CommonOptions & { readonly partial?: boolean }>(command, async ({ client, options, out, signal, words }) => {
    const { partial } = options;
    const latest = await client.schedules.latestOutput(words[0] ?? "", { partial, signal });
    const end = latest.missing.length > 0 ? status.failed : status.ok;
    if (out.json) {
      await out.document({
        ...(latest.run && { run: toJson(RunSchema, latest.run) }),
        complete: latest.complete,
        outputs: latest.outputs.map((one) => toJson(TargetOutputSchema, one)),
        missing: latest.missing.map((one) => toJson(MissingOutputSchema, one)),
      });
      return end;
    }
    const when = latest.complete ? `complete at ${time(latest.completionTime)}` : "not complete";
    await out.line(`run ${latest.run?.id ?? ""} for ${time(latest.scheduledTime)}, ${when}`);
    for (const { target, stdout, stderr, exitStatus } of latest.outputs) {
      await out.line(`\n== ${target}${exitStatus === undefined ? "" : ` (exit status ${exitStatus})`}`);
      for (const text of [stdout, stderr]) if (text !== "") await out.line(text.trimEnd());
    }
    for (const { target, reason } of latest.missing) await out.line(`\n== ${target}: missing: ${reason}`);
    return end;
  });
}
