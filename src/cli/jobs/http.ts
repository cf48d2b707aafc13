import type { Command } from "commander";
import type { HttpInput } from "@pointsman/sdk";
import type { CommandKit, Context } from "../terminal/command.js";
import { conditionsOf, withConditions } from "./job-conditions.js";
import { collectPairs, parseDuration, UsageError } from "../terminal/parse.js";
import { startJobs, type StartOptions } from "./start-jobs.js";

interface HttpOptions extends StartOptions {
  readonly payload?: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly secretHeader?: Readonly<Record<string, string>>;
  readonly callTimeout?: number;
  readonly node?: string;
  readonly zone?: string;
}

/** `http`: a call of a URL as a job, followed to the end. */
export function registerHttp(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "http", "Call a URL with a JSON payload, as a job")
    .argument("<url>", "where to")
    .option("--payload <json>", "what is sent (default: null)")
    .option("--header <name=value>", "header to send; may be repeated", collectPairs("--header"))
    .option(
      "--secret-header <name=variable>",
      "header whose value is secret, taken from this environment variable; may be repeated",
      collectPairs("--secret-header"),
    )
    .option("--call-timeout <duration>", "how long one call may take (default: 30s)", parseDuration)
    .option("--node <name>", "the node that calls (default: any)")
    .option("--zone <name>", "the zone whose workers call (default: default)")
    .option("--request-id <id>", "makes the call safe to repeat")
    .option("--detach", "do not follow: print the id of the job")
    .addHelpText("after", "\nThe environment variable POINTSMAN_SIGNING_SECRET, where it is set, signs the request.");
  kit.run<HttpOptions>(withConditions(command), (context) => call(context), { ownInterrupt: true });
}

async function call(context: Context<HttpOptions>): Promise<number> {
  const { options, words, io } = context;
  const [url = ""] = words;
  const [conditions] = conditionsOf(options, [url]);
  const http: HttpInput = {
    url,
    payload: options.payload === undefined ? undefined : parsePayload(options.payload),
    headers: options.header,
    secretHeaders: Object.fromEntries(
      Object.entries(options.secretHeader ?? {}).map(([name, variable]) => [name, variableOf(io.env, variable)]),
    ),
    signingSecret: io.env["POINTSMAN_SIGNING_SECRET"],
    timeoutMs: options.callTimeout,
  };
  const place = options.node === undefined ? {} : { node: options.node };
  return await startJobs(context, [url], [{ ...place, zone: options.zone, http, ...conditions }], "http");
}

function parsePayload(text: string): HttpInput["payload"] {
  try {
    return JSON.parse(text) as HttpInput["payload"];
  } catch (error) {
    throw new UsageError(`--payload is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function variableOf(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name];
  if (value === undefined || value === "") throw new UsageError(`--secret-header: the variable ${name} is not set`);
  return value;
}
