import type { Command } from "commander";
import { commandResults, taskOutput, toJson } from "@pointsman/sdk";
import {
  type ConfigureResult,
  type Job,
  type JobEvent,
  JobEventSchema,
  JobSchema,
  type JobSpec,
} from "@pointsman/sdk/v1";
import type { CommandKit, CommonOptions } from "../terminal/command.js";
import {
  bytes,
  commandStatusName,
  duration,
  effectClassName,
  effectName,
  labels,
  resolutionName,
  stateName,
  targetName,
  time,
  workName,
} from "../terminal/format.js";
import { doubtFacts } from "./doubt.js";
import { configurationSummary } from "./configure-summary.js";
import type { Output } from "../terminal/output.js";
import { remarkOf } from "./remark.js";
import { facts, table } from "../terminal/table.js";
import { explainWaiting } from "../terminal/why-waiting.js";

interface JobOptions extends CommonOptions {
  readonly output?: boolean;
  readonly transcript?: boolean;
  readonly log?: boolean;
}

/** `job`: everything about one. */
export function registerJob(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "job", "Show one job: where it is, why it waits, what its commands gave")
    .argument("<id>", "the job")
    .option("--output", "print only what the device printed, or what the task answered")
    .option("--log", "print only the remarks and the progress in its history")
    .option("--transcript", "print only the transcript of a job with --debug, for `pointsman replay`");
  kit.run<JobOptions>(command, async ({ client, options, out, signal, words }) => {
    if (options.log)
      return await printLog(client.jobs.events(words[0] ?? "", { kinds: ["log", "progress"], signal }), out);
    const job = await client.jobs.get(words[0] ?? "", { signal });
    if (out.json) return await out.document(toJson(JobSchema, job));
    if (options.transcript) {
      if (job.transcript === "")
        throw new Error(`job ${job.id} keeps no transcript: it needs --debug, and to have ended`);
      return await out.raw(job.transcript);
    }
    if (!options.output) return await out.line(describe(job, await explainWaiting({ client, signal }, job)));
    const answer = taskOutput(job);
    if (answer !== undefined) return await out.line(JSON.stringify(answer, null, out.isTerminal ? 2 : undefined));
    const results = commandResults(job);
    for (const result of results) {
      if (results.length > 1) await out.note(`> ${result.command}`);
      await out.raw(result.output);
      if (out.isTerminal && result.output !== "" && !result.output.endsWith("\n")) await out.line("");
    }
  });
}

/** The remarks of a job, one on a line. */
async function printLog(events: AsyncIterable<JobEvent>, out: Output): Promise<void> {
  for await (const event of events) {
    if (out.json) await out.record(toJson(JobEventSchema, event));
    else await out.line(`${time(event.time)} ${remarkOf(event)}`);
  }
}

function describe(job: Job, waits: string): string {
  const parts = [
    facts([
      ["job", job.id],
      ["state", stateName(job.state)],
      ["target", targetName(job.spec)],
      ["work", workName(job.spec)],
      ["effect class", effectClassName(job.effectClass)],
      ["zone", job.zone],
      ["endpoint", job.endpoint],
      ["queue", job.spec?.queue],
      ["labels", labels(job.spec?.labels ?? {})],
      ["dedupe key", job.spec?.dedupeKey],
      ["creator", job.creator],
      ["created", time(job.createTime)],
      ["started", time(job.startTime)],
      ["ended", time(job.endTime)],
      ["expires", time(job.expireTime)],
      ["waits", waits],
      ["waited", duration(job.waitDuration)],
      ["ran", duration(job.runDuration)],
      ["worker", job.worker],
      ["session", session(job)],
      ["cancel", job.cancelRequested ? "asked for" : ""],
      ["effect", effect(job)],
      ["asked for by", job.parentJob && `the task of ${job.parentJob}`],
      ["again of", job.retryOf],
      ["done again", job.retriedBy ? `as ${job.retriedBy}` : ""],
      ["deleted", time(job.deleteTime)],
    ]),
    facts(doubtFacts(job)),
    failure(job),
    resolution(job),
    attempts(job),
    results(job),
    probe(job),
    program(job),
    call(job),
    task(job),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** What a worker has told; of one that was lost nobody knows. */
function session({ result, error }: Job): string {
  if (result === undefined || error?.reason === "WORKER_LOST") return "";
  const { case: kind } = result.result;
  if (kind === "shell" || kind === "http" || (kind === "task" && result.result.value.commands.length === 0)) return "";
  return result.sessionReused ? "reused" : "new";
}

function effect(job: Job): string {
  const name = effectName(job.effect);
  if (name === "" || job.lastIntendedStep === 0) return name;
  return `${name}: ${job.lastConfirmedStep} confirmed of ${job.lastIntendedStep} commands that may have been sent`;
}

function failure({ error }: Job): string {
  if (error === undefined) return "";
  return facts([
    ["error", `${error.message} (${error.reason})`],
    ["device said", error.deviceMessage],
    ["expected", error.expected],
    ["mode", error.mode],
    ...Object.entries(error.metadata),
    ["last received", error.tail],
  ]);
}

function resolution({ resolution: said }: Job): string {
  if (said === undefined) return "";
  return facts([
    ["resolved", resolutionName(said.kind)],
    ["by", said.resolver],
    ["because", said.reason],
    ["at", time(said.time)],
    ["new job", said.rerunJob],
  ]);
}

function attempts(job: Job): string {
  if (job.attempts.length < 2) return "";
  return table(
    ["attempt", "worker", "started", "ended", "error"],
    job.attempts.map((attempt) => [
      String(attempt.number),
      attempt.worker,
      time(attempt.startTime),
      time(attempt.endTime),
      attempt.error ? `${attempt.error.message} (${attempt.error.reason})` : "",
    ]),
  );
}

function results(job: Job): string {
  if (job.result?.result.case === "configure") return configured(job.result.result.value, job.spec);
  const commands = commandResults(job);
  if (commands.length === 0) return "";
  return table(
    ["#", "status", "took", "output", "exit", "command", "device said"],
    commands.map((result, index) => [
      String(index + 1),
      commandStatusName(result.status),
      duration(result.duration),
      `${bytes(result.outputBytes)}${result.outputTruncated ? ", cut" : ""}${result.outputExpired ? ", removed" : ""}`,
      result.exitStatus === undefined ? "" : String(result.exitStatus),
      result.command,
      result.errorLines.join(" / "),
    ]),
  );
}

function configured(result: ConfigureResult, spec: JobSpec | undefined): string {
  const lines = table(
    ["#", "status", "took", "line", "device said"],
    result.lines.map((line, index) => [
      String(index + 1),
      commandStatusName(line.status),
      duration(line.duration),
      line.line,
      line.errorLines.join(" / "),
    ]),
  );
  return [lines, configurationSummary(result, spec)].filter((part) => part !== "").join("\n\n");
}

function program({ result }: Job): string {
  if (result?.result.case !== "shell") return "";
  const { exitStatus, signal, stdoutBytes, stderrBytes, outputTruncated, duration: took } = result.result.value;
  const cut = outputTruncated ? ", cut" : "";
  return facts([
    ["exit status", exitStatus === undefined ? "" : String(exitStatus)],
    ["signal", signal],
    ["took", duration(took)],
    ["output", `${bytes(stdoutBytes)} and ${bytes(stderrBytes)} of errors${cut}`],
  ]);
}

function call({ result }: Job): string {
  if (result?.result.case !== "http" || result.result.value.status === 0) return "";
  const { status, address, bodyBytes, bodyTruncated, duration: took } = result.result.value;
  return facts([
    ["status", String(status)],
    ["address", address],
    ["took", duration(took)],
    ["body", `${bytes(bodyBytes)}${bodyTruncated ? ", cut" : ""}`],
  ]);
}

function task(job: Job): string {
  const answer = taskOutput(job);
  if (job.result?.result.case !== "task") return "";
  const { deferrals, outputExpired } = job.result.result.value;
  return facts([
    ["put itself off", deferrals === 0 ? "" : `${deferrals} times`],
    ["answer", outputExpired ? "removed" : answer === undefined ? "none" : JSON.stringify(answer)],
  ]);
}

function probe(job: Job): string {
  if (job.result?.result.case !== "probe") return "";
  const seen = job.result.result.value;
  return facts([
    ["login took", duration(seen.loginDuration)],
    ["prompt took", duration(seen.promptDuration)],
    ["prompt", seen.prompt],
    ["mode", seen.mode],
    ["host key", `${seen.hostKeyType} ${seen.hostKeyFingerprint}`.trim()],
    ["server", seen.remoteVersion],
  ]);
}
