import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type DescMethod, toJsonString } from "@bufbuild/protobuf";
import { CredentialService, JobService, RunService, WebhookService } from "@pointsman/sdk/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimNext, startTestApi, type TestApi } from "../support/api-server.js";
import { contractServices } from "../support/contract-services.js";

const secrets = ["password", "privateKey", "passphrase", "enableSecret"] as const;

let api: TestApi;
let serial = 0;
const canaries = new Set<string>();
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** A secret that is found nowhere else. */
function secret(name: string, end = '"ü'): string {
  const canary = `${randomUUID().slice(0, 13)}-${name}-${end}`;
  canaries.add(canary);
  return canary;
}

function login(): Record<string, string> {
  return { username: "ann", ...Object.fromEntries(secrets.map((name) => [name, secret(name)])) };
}

function job(part: object = {}): object {
  const endpoint = { address: `10.66.0.${++serial % 250}`, platform: "cisco_ios", secret: login(), ...part };
  return { endpoint, commands: { commands: [{ command: "show version" }] } };
}

async function call(method: DescMethod, body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${api.baseUrl}/${method.parent.typeName}/${method.name}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: headers["content-encoding"] ? (gzipSync(text) as never) : text,
  });
  return `${response.status} ${await response.text()}`;
}

/** Every form in which a secret could lie somewhere. */
function forms(canary: string): string[] {
  const bytes = Buffer.from(canary);
  // Without the last characters, which depend on what follows.
  const base64 = [0, 1, 2].map((skip) => bytes.subarray(skip).toString("base64").slice(0, 16));
  return [canary, bytes.toString("hex"), ...base64, encodeURIComponent(canary), JSON.stringify(canary).slice(1, -1)];
}

test("a secret given in any way to any method is in no answer, no error, no log line, and nowhere in Redis", async () => {
  const { createJob, batchCreateJobs, getJob, listJobs } = JobService.method;
  const { createCredential, updateCredential, listCredentials } = CredentialService.method;
  const answers: string[] = [];
  const say = async (method: DescMethod, body: unknown, headers?: Record<string, string>): Promise<string> => {
    const answer = await call(method, body, headers);
    answers.push(answer);
    return answer;
  };

  // Well-formed, so that it is stored.
  expect(await say(createCredential, { name: "core", login: login() })).toMatch(/^200/);
  expect(await say(updateCredential, { name: "core", login: login() }, { "content-encoding": "gzip" })).toMatch(/^200/);
  const created = await say(createJob, { job: job(), requestId: "r-1" });
  expect(created).toMatch(/^200/);
  expect(await say(batchCreateJobs, { jobs: [job(), job({ platform: "vax" })], requestId: "r-2" })).toMatch(/^200/);
  expect(await say(createJob, { job: job(), requestId: "r-1" })).toContain("already_exists");

  const bastions = [{ address: "10.66.1.1", secret: login() }];
  const { endpoint, commands } = job({ bastions }) as { endpoint: object; commands: object };
  const run = { targets: [{ endpoint }], job: { commands } };
  const runAnswer = await say(RunService.method.createRun, { run, requestId: "r-3" });
  expect(runAnswer).toMatch(/^200/);
  const http = {
    url: "https://hook.example/",
    signingSecret: secret("signing"),
    secretHeaders: { authorization: secret("header") },
  };
  expect(await say(createJob, { job: { http } })).toMatch(/^200.*"authorization":""/);
  expect(await say(RunService.method.createRun, { run: { allNodes: true, job: { http } } })).toMatch(/^400/);
  const webhook = { name: "ops", url: "https://hook.example/" };
  const { createWebhook, rotateWebhookSecret, listWebhooks } = WebhookService.method;
  expect(await say(createWebhook, { webhook, secret: secret("webhook", "plain") })).toMatch(/^200/);
  expect(await say(rotateWebhookSecret, { name: "ops", secret: secret("rotated", "plain") })).toMatch(/^200/);
  expect(await say(createWebhook, { webhook, secret: secret("again", "plain") })).toMatch(/^409/);

  // Refused in every way: by a rule, by the framework, by the store, as the wrong type, in the wrong place.
  const refused: unknown[] = [
    { name: "?", login: login() },
    { name: "core", login: login() },
    { name: "x", login: { ...login(), username: "" } },
    { name: "x", login: { password: [login()["password"]] } },
    { name: "x", login: login()["password"] },
    { name: "x", login: { ...login(), [login()["password"]!]: 1 }, more: 1 },
    { name: { secret: login()["password"] } },
    `{"name":"x","login":{"password":"${login()["passphrase"]!.slice(0, -2)}" oops`,
  ];
  for (const body of refused) expect(await say(createCredential, body)).not.toMatch(/^200/);
  for (const service of contractServices) {
    for (const method of service.methods) {
      if (method.methodKind === "unary")
        await say(method, { login: login(), job: job(), password: login()["password"] });
    }
  }
  await say(createJob, { job: job({ address: login()["password"] }) });

  // Through a job's life.
  const id = (JSON.parse(created.slice(4)) as { job: { id: string } }).job.id;
  const worker = await claimNext(api.store);
  await worker.print(1, "fine\n");
  await worker.end({});
  answers.push(await (await fetch(`${api.baseUrl}/v1/jobs/${worker.holder.job}/events`)).text());
  for (const method of [listJobs, listCredentials, listWebhooks, RunService.method.listRuns]) await say(method, {});
  await say(getJob, { id });
  const runId = (JSON.parse(runAnswer.slice(4)) as { run: { id: string } }).run.id;
  const { getRun, listRunTargets, getRunOutputs } = RunService.method;
  for (const method of [getRun, listRunTargets, getRunOutputs]) {
    expect(await say(method, { id: runId })).toMatch(/^200/);
  }
  const { jobs } = api.clients();
  for await (const sight of jobs.watchJob({ id: worker.holder.job })) {
    answers.push(toJsonString(JobService.method.watchJob.output, sight));
  }

  const keyNames = await api.at.redis.keysBuffer("*");
  const dumps = await Promise.all(keyNames.map((key) => api.at.redis.dumpBuffer(key)));
  const places = {
    answers: answers.join("\n"),
    log: api.log.join("\n"),
    redis: `${JSON.stringify(await api.at.dump())}\n${Buffer.concat(dumps.filter((one) => one !== null)).toString("latin1")}`,
  };
  expect(canaries.size).toBeGreaterThan(100);
  expect(places.answers.length).toBeGreaterThan(5_000);
  expect(places.redis).toContain("cisco_ios");
  const found = Object.entries(places).flatMap(([place, text]) =>
    [...canaries].flatMap((canary) =>
      forms(canary).some((form) => text.includes(form)) ? [`${canary} in ${place}`] : [],
    ),
  );
  // The name of an unknown field comes back to its caller, so that the caller can mend it; it is no value.
  expect(found.filter((line) => !line.endsWith("in answers"))).toEqual([]);
  expect(found).toHaveLength(1);
});
