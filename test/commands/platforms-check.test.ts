import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "pointsman-transcripts-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

interface Report {
  readonly status: number;
  readonly findings: readonly string[];
  readonly checks: readonly Record<string, unknown>[];
}

async function check(...options: string[]): Promise<Report> {
  const words = ["dist/main.js", "platforms", "check", "--transcripts", folder, "--json", ...options];
  const { status, stdout } = await new Promise<{ status: number; stdout: string }>((resolve, reject) => {
    execFile(process.execPath, words, (error, stdout, stderr) => {
      if (stderr !== "") reject(new Error(stderr));
      else resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout });
    });
  });
  const { checks } = JSON.parse(stdout) as {
    checks: { platform: string; findings: { kind: string; file: string; line: number }[] }[];
  };
  const findings = checks.flatMap((one) => one.findings.map(({ kind, file, line }) => `${kind} ${file}:${line}`));
  return { status, findings, checks };
}

const session = (version: string): string =>
  String.raw`---
init_prompt: |-
  Welcome\r
  \rsw1#\x20
commands:
  - "terminal length 0\n": |-
      terminal length 0\r\r
      \rsw1#\x20
  - "show version\n": |-
      show version\r\r
      ${version}\r
      --More--\x20
  - " ": |-
      \r        \rend\r
      sw1#\x20
  - "exit\n": |-
      exit\r
`.replace("\\r\n      --More", "\\r\n      \\e[7m--More");

test("files and folders behind links are looked at, and a circle of links is no endless way", async () => {
  await put({ "elsewhere/a.raw": "all is well\n", "elsewhere/more/b.raw": "all is well\n" });
  await mkdir(join(folder, "cisco_ios"));
  await symlink("../elsewhere/a.raw", join(folder, "cisco_ios", "linked.raw"));
  await symlink("../elsewhere/more", join(folder, "cisco_ios", "folder"));
  await symlink("..", join(folder, "cisco_ios", "circle"));
  const { status, checks } = await check();
  expect([status, checks]).toMatchObject([0, [{ platform: "cisco_ios", outputs: 2 }]]);
});

test("good data passes, whatever others call the platform, and what was looked at is counted", async () => {
  await put({
    "cisco_xr/show_version/a.raw": "Cisco IOS XR Software\n  0 input errors\n",
    "deep/er/ios/show_x/b.raw": "one\ntwo\nrouter1#",
    "nxos#mine#simulation.yaml": session("Cisco Nexus in Zürich, not sw1# "),
    "nxos#mine#secret.yaml": "fail: [hunter2]\n",
    "eos#generic#prompt.yaml": "pass: ['sw1#']\nfail: ['sw1: ']\n",
    "routeros#bare#simulation.yaml": 'init_prompt:\ncommands:\n  "/export\\n": |-\n    # by RouterOS\n',
    "unknown/show/x.raw": "R1#\n",
    "ios/notes.txt": "R1#\n",
  });
  const { status, checks } = await check();
  expect(status).toBe(0);
  expect(checks).toMatchObject([
    { platform: "arista_eos", listed: 2 },
    { platform: "cisco_ios", outputs: 1, lines: 3 },
    { platform: "cisco_iosxr", outputs: 1 },
    { platform: "cisco_nxos", sessions: 1, commands: 1, listed: 1 },
    { platform: "mikrotik_routeros", outputs: 1 },
  ]);
});

test("a prompt and a rejection in the middle of output, prompts that are missed, and secrets that are left are found", async () => {
  await put({
    "ios/a.raw": "one\nrouter1#\ntwo\n",
    "ios/b.raw": "one\n% Invalid input detected\ntwo\n",
    "ios/rejected.raw": "      ^\n% Invalid input detected at '^' marker.\n",
    "ios/mixed.raw": "one\n      ^\n% Invalid input detected at '^' marker.\ntwo\n",
    "eos#x#prompt.yaml": "pass: ['no prompt']\nfail: ['sw1#']\n",
    "nxos#x#simulation.yaml": session("key hunter2 is not redacted here"),
    "nxos#x#secret.yaml": "fail: [hunter2]\n",
  });
  expect(await check()).toMatchObject({
    status: 1,
    findings: [
      "missed eos#x#prompt.yaml:1",
      "prompt eos#x#prompt.yaml:1",
      "prompt ios/a.raw:2",
      "error ios/b.raw:2",
      "secret nxos#x#secret.yaml:1",
    ],
  });
});

test("a recorded command that could end too early, or never ends, is found", async () => {
  await put({
    "nxos#early#simulation.yaml": session("sw1# \\r\n      and more"),
    "nxos#never#simulation.yaml": session("x").replace('      sw1#\\x20\n  - "exit', '      other#\\x20\n  - "exit'),
  });
  const { status, findings } = await check();
  expect(status).toBe(1);
  expect(findings).toEqual(["prompt nxos#early#simulation.yaml:1", "stuck nxos#never#simulation.yaml:1"]);
});

test("what accepted.txt names is left out, a whole file or one line of it", async () => {
  await put({
    "ios/a.raw": "router1#\ntwo\n",
    "ios/b.raw": "router1#\ntwo\nrouter1#\nfour\n",
    "accepted.txt": "# looked at\nios/a.raw\nios/b.raw:1\n",
  });
  expect(await check()).toMatchObject({ status: 1, findings: ["prompt ios/b.raw:3"] });
});

test("definitions of one's own are checked as well", async () => {
  const own = join(folder, "own");
  await put({
    "own/lab.yaml":
      "name: lab\nknown_as: [labos]\ndescription: x\nchannel: shell\nprompts: { exec: '^(?<host>x)>$' }\n",
    "labos/a.raw": "one\nx>\ntwo\n",
  });
  expect(await check("--platforms", own)).toMatchObject({ status: 1, findings: ["prompt labos/a.raw:2"] });
});

test.each([
  ["ios#x#prompt.yaml", "pass: R1#\n", "`pass` has to be a list of texts"],
  ["ios#x#prompt.yaml", "- R1#\n", "expected a mapping"],
  ["ios#x#secret.yaml", "fail: [null]\n", "`fail` has to be a list of texts"],
  ["ios#x#simulation.yaml", "commands: 3\n", "a recording has `commands`"],
  ["ios#x#simulation.yaml", "init_prompt: [\n", "Flow sequence"],
])("%s that holds %j is named", async (file, text, problem) => {
  await put({ "ios#x#simulation.yaml": session("x"), "ios/a.raw": "x\n", [file]: text });
  await expect(check()).rejects.toThrow(`error: ${file}: ${problem}`);
});

test("a folder that is not there is said to be none", async () => {
  await rm(folder, { recursive: true });
  await expect(check()).rejects.toThrow(`there is no folder ${folder}`);
});

test("a folder in which nothing is of a known platform is a mistake, not a success", async () => {
  await put({ "unknown/x.raw": "x" });
  await expect(check()).rejects.toThrow("nothing to check");
});
