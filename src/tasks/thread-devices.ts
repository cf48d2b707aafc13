import type {
  TaskCommandOptions,
  TaskCommandResult,
  TaskConfigureOptions,
  TaskContext,
  TaskDevice,
  TaskOwnDevice,
} from "@pointsman/sdk/task";
import type { TaskCommandAnswer, TaskConfigurationAnswer, TaskErrandAnswer, TaskStart } from "../domain/task-runner.js";
import { textLines } from "../domain/text-lines.js";
import type { TaskAnswer, TaskAsk } from "./messages.js";

const defaultIdleMs = 30_000;

type Ask = (what: TaskAsk) => Promise<TaskAnswer>;
type Run = (command: string | readonly string[], options?: TaskCommandOptions) => Promise<unknown>;

/**
 * The devices of a task: the job's own, whose session it has; or, where the job holds none, any by its name, through jobs of
 * their own. What holds one device and waits for another could wait for ever.
 */
export function createThreadDevices(own: TaskStart["device"], ask: Ask): TaskContext<unknown>["device"] {
  function device(name?: string): TaskDevice {
    if (own) {
      if (name === undefined || name === own.name) return ownDevice(own, ask);
      throw new Error(
        `the job holds ${own.name}, and waits for no other device: create it without a device to work on ${name} as well`,
      );
    }
    if (name === undefined) throw new Error("the job has no device; create it with one, or say which");
    return otherDevice(String(name), ask);
  }
  return device as TaskContext<unknown>["device"];
}

function ownDevice(own: NonNullable<TaskStart["device"]>, ask: Ask): TaskOwnDevice {
  async function one(command: string, options?: TaskCommandOptions): Promise<TaskCommandResult> {
    return (await ask({ command, ...commandOptions(options) })) as TaskCommandAnswer;
  }
  const run: Run = async (command, options) => {
    if (typeof command === "string") return one(command, options);
    const results: TaskCommandResult[] = [];
    for (const line of command) results.push(await one(line, options));
    return results;
  };
  return {
    ...own,
    run: run as TaskDevice["run"],
    configure: async (text, options) => (await ask(configuration(text, options))) as TaskConfigurationAnswer,
  };
}

function otherDevice(name: string, ask: Ask): TaskDevice {
  const run: Run = async (command, options) => {
    const commands = typeof command === "string" ? [command] : [...command];
    if (commands.length === 0) return [];
    const work = { kind: "commands" as const, commands, ...commandOptions(options) };
    const answer = (await ask({ device: name, work })) as TaskErrandAnswer;
    return typeof command === "string" ? answer.commands[0] : answer.commands;
  };
  return {
    name,
    run: run as TaskDevice["run"],
    async configure(text, options) {
      const answer = await ask({ device: name, work: { kind: "configure", ...configuration(text, options) } });
      return (answer as TaskErrandAnswer).configuration!;
    },
  };
}

function commandOptions({ answers = {}, idleTimeoutMs, privilege, allowRejected = false }: TaskCommandOptions = {}) {
  const enable = privilege === "enable";
  return { answers: { ...answers }, idleTimeoutMs: idleTimeoutMs ?? defaultIdleMs, enable, allowRejected };
}

function configuration(text: string | readonly string[], options: TaskConfigureOptions = {}) {
  const { plan = false, save = false, acceptUnproven = false } = options;
  return { lines: typeof text === "string" ? textLines(text) : [...text], plan, save, acceptUnproven };
}
