import type { Command } from "commander";
import type { CommandKit, CommonOptions } from "../terminal/command.js";

/** `forget-worker`: a worker whose journal is missing never returns. */
export function registerForgetWorker(program: Command, kit: CommandKit): void {
  const command = kit
    .command(
      program,
      "forget-worker",
      "Say that a worker never returns: devices held for its journal take changes again",
    )
    .argument("<name>", "the worker, as `pointsman devices get` shows it");
  kit.run<CommonOptions>(command, async ({ client, out, signal, words: [name = ""] }) => {
    const devices = await client.workers.forget(name, { signal });
    if (out.json) return await out.document({ worker: name, devices });
    await out.line(`${devices} ${devices === 1 ? "device takes" : "devices take"} changes again`);
  });
}
