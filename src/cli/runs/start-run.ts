import { toJson, type RunInput } from "@pointsman/sdk";
import { RunSchema } from "@pointsman/sdk/v1";
import { status, type CommonOptions, type Context } from "../terminal/command.js";
import { interruptible } from "../terminal/interrupt.js";
import { followRun } from "./run-follow.js";

/** The options of every command that makes a run. */
export interface StartRunOptions extends CommonOptions {
  readonly requestId?: string;
  readonly detach?: boolean;
}

/** Makes a run and follows it to its end, unless told to leave it; Ctrl-C asks to cancel. Answers with the exit status. */
export async function startRun(context: Context<StartRunOptions>, input: RunInput, command: string): Promise<number> {
  const { client, io, options, out } = context;
  return await interruptible(io, out, async (interrupt) => {
    const run = await client.runs.create(input, { requestId: options.requestId, signal: interrupt.signal });
    const { rejections, counts } = run;
    if (!out.json) {
      for (const { target, message, reason } of rejections)
        await out.note(`${target}: refused: ${message} (${reason})`);
      const more = (counts?.rejected ?? 0) - rejections.length;
      if (more > 0) await out.note(`and ${more} more are refused: pointsman runs targets ${run.id} --state rejected`);
    }
    if (options.detach) {
      if (out.json) await out.document(toJson(RunSchema, run));
      else await out.line(run.id);
      return rejections.length > 0 ? status.failed : status.ok;
    }
    await out.note(`run ${run.id} over ${counts?.total ?? 0} targets`);
    interrupt.cancels(async () => {
      await client.runs.cancel(run.id, { interruptRunning: true, reason: `Ctrl-C at pointsman ${command}` });
    });
    return await followRun(context, run.id, interrupt.signal);
  });
}
