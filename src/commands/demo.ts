import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { registerCliCommands } from "../cli/index.js";
import { processIo } from "../cli/terminal/io.js";
import { createLogger } from "../telemetry/logger.js";

interface Step {
  readonly says: string;
  readonly command: readonly string[];
  /** The exit status that the step is meant to have. */
  readonly status: number;
}

const steps: readonly Step[] = [
  {
    says: "The inventory: simulated devices, each an SSH server of its own.",
    command: ["devices"],
    status: 0,
  },
  {
    says: "One command on four devices at once; every line arrives as the device prints it.",
    command: ["exec", "fra-sw1", "fra-r1", "fra-rs1", "ams-r1", "--", "show version"],
    status: 0,
  },
  {
    says: "Again on one of them: the session is still warm, so there is no new login.",
    command: ["exec", "fra-r1", "-c", "show clock", "-c", "show ip interface brief"],
    status: 0,
  },
  {
    says: "A command that the device rejects is a failure, in the device's own words.",
    command: ["exec", "fra-r1", "-c", "show clock", "-c", "show wether", "-c", "show version"],
    status: 1,
  },
  {
    says: "A server, over an exec channel, with its exit status.",
    command: ["exec", "fra-srv1", "--", "uname -a"],
    status: 0,
  },
  {
    says: "What was done.",
    command: ["jobs"],
    status: 0,
  },
];

/** `pointsman demo`: starts an embedded stack in a temporary folder, shows the main job, and ends. */
export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("show the main job on simulated devices, then end")
    .action(async () => {
      const dataDir = await mkdtemp(join(tmpdir(), "pointsman-demo-"));
      try {
        const { startStack } = await import("../dev/stack.js");
        const logger = createLogger("error");
        const stack = await startStack({ dataDir, host: "127.0.0.1", port: 0, devices: 8, logger });
        try {
          for (const step of steps) await show(step, stack.url);
        } finally {
          await stack.stop();
        }
        process.stdout.write(
          "\nThat was the demo. `pointsman dev` keeps such a stack running; README.md goes on from here.\n",
        );
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    });
}

async function show({ says, command, status }: Step, url: string): Promise<void> {
  const typed = command.map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
  process.stdout.write(`\n# ${says}\n$ pointsman ${typed}\n`);
  let ended = 0;
  const io = {
    ...processIo,
    env: { POINTSMAN_URL: url },
    setStatus: (seen: number) => {
      ended = seen;
    },
  };
  const program = new Command("pointsman").exitOverride();
  registerCliCommands(program, io);
  await program.parseAsync([...command], { from: "user" });
  if (ended !== status) throw new Error(`the demo's step "${typed}" ended with ${ended} instead of ${status}`);
}
