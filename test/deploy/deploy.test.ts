import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { settings } from "../../src/config.js";
import { samplesOf } from "../observe/samples.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { device, startOurs, startSystem, type System } from "../support/system.js";
import { allowedCalls, countedCalls } from "./allowed-calls.js";

/** Where the machine is ours to prepare, a missing tool is a failure, not an excuse. */
const inCi = Boolean(process.env["CI"]);
const has = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args.length > 0 ? args : ["--version"]).status === 0;
const read = (path: string): string => readFileSync(path, "utf8");

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly runbook: string };
}
interface Monitor {
  readonly jobLabel?: string;
  readonly selector: {
    readonly matchExpressions: readonly { readonly key: string; readonly values: readonly string[] }[];
  };
}
interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}

const rules = (parseAllDocuments(read("deploy/prometheus/rules.yml"))[0]?.toJS() as Rules).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(read("deploy/grafana/dashboards/pointsman.json")) as Dashboard;
const queries = [
  ...rules.map(({ expr }) => expr),
  ...dashboard.panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr),
];

describe("alerts and dashboard", () => {
  let at: System;
  const scraped = new Set<string>();
  let text = "";
  beforeAll(async () => {
    const port = await freePort();
    at = await startSystem({
      devices: [device("srv1", { platform: "linux" }), device("dark", { faults: { refuseLogin: true } })],
      env: { POINTSMAN_METRICS_HOST: "127.0.0.1" },
      workers: 0,
    });
    await at.startWorker({ POINTSMAN_METRICS_PORT: String(port) });
    await at.client.jobs.run({ device: "srv1", commands: ["uptime"] });
    // A worker counts a job when it has told its end.
    const scrape = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text();
    const ofWorker = await eventually(async () => {
      const told = await scrape(`http://127.0.0.1:${port}`);
      expect(told).toMatch(/^pointsman_attempts_total\{/m);
      return told;
    });
    text = (await scrape(at.url)) + ofWorker;
    for (const { name } of samplesOf(text)) scraped.add(name);
    // A counter with labels that nothing has counted yet is there with its type, and no line.
    for (const [, name = ""] of text.matchAll(/^# TYPE (\S+) counter$/gm)) scraped.add(name);
  });
  afterAll(() => at.close());

  test("every metric they ask for is one that a running system shows", () => {
    const asked = new Set(queries.flatMap((query) => query.match(/pointsman_\w+/g) ?? []));
    expect(asked.size).toBeGreaterThan(15);
    expect([...asked].filter((name) => !scraped.has(name))).toEqual([]);
    const figures = queries.flatMap((query) => query.match(/part="\w+",figure="\w+"/g) ?? []);
    expect(figures.length).toBeGreaterThan(3);
    expect(figures.filter((labels) => !text.includes(labels))).toEqual([]);
  });

  test("what wakes somebody at the first time is there before it, and is not missed", () => {
    const zero = new Set(
      samplesOf(text).flatMap(({ name, labels, value }) =>
        value === 0 ? [name, ...Object.values(labels).map((label) => `${name} ${label}`)] : [],
      ),
    );
    for (const wanted of [
      "pointsman_ssh_connect_failures_total HOST_KEY_CHANGED",
      "pointsman_fenced_writes_total intent",
      "pointsman_fenced_writes_total append",
      "pointsman_fenced_writes_total finish",
      "pointsman_worker_buried_total",
      "pointsman_part_figure unresolved_jobs",
    ]) {
      expect(zero).toContain(wanted);
    }
  });

  test("servers and workers go by the names that alerts know, with the Prometheus operator as well", () => {
    const known = queries.flatMap((query) =>
      [...query.matchAll(/job=~"([^"]*)"/g)].map(([, job = ""]) => new RegExp(`^${job}$`)),
    );
    expect(known.length).toBeGreaterThan(0);
    const [monitor] = parseAllDocuments(read("deploy/kubernetes/monitor.yaml"));
    const { jobLabel, selector } = (monitor?.toJS() as { spec: Monitor }).spec;
    // The operator would call all of them <namespace>/<monitor>.
    expect(jobLabel).toBe("app");
    const jobs = selector.matchExpressions.filter(({ key }) => key === jobLabel).flatMap(({ values }) => values);
    expect(jobs).toHaveLength(2);
    for (const job of jobs) for (const form of known) expect(job).toMatch(form);
  });

  test("every alert has its part in the runbook, and every part its alert", () => {
    const parts = /## Alerts\n([^]*?)\n## /.exec(read("docs/operations/runbook.md"))?.[1] ?? "";
    const headings = [...parts.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
    expect(headings.sort()).toEqual([...new Set(rules.map(({ annotations }) => annotations.runbook))].sort());
  });

  test.skipIf(!has("promtool") && !inCi)("promtool takes the rules, and they fire when they should", () => {
    for (const args of [
      ["check", "rules", "rules.yml"],
      ["test", "rules", "rules.test.yml"],
      ["check", "config", "prometheus.yml"],
    ]) {
      const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: "deploy/prometheus", encoding: "utf8" });
      expect(status, `${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
    }
  });
});

describe("what is deployed", () => {
  const manifests = readdirSync("deploy/kubernetes").filter((name) => name.endsWith(".yaml"));

  test("every setting that a container, a pod or a unit is given exists", () => {
    const files = [
      "deploy/docker/Dockerfile",
      "deploy/docker/compose.yaml",
      ...manifests.map((name) => join("deploy/kubernetes", name)),
      ...readdirSync("deploy/systemd").map((name) => join("deploy/systemd", name)),
    ];
    const known = new Set(["POINTSMAN_CONFIG", ...Object.values(settings).map(({ env }) => env)]);
    for (const file of files) {
      for (const [name] of read(file).matchAll(/\bPOINTSMAN_\w+/g)) expect(known, `${name} in ${file}`).toContain(name);
    }
  });

  test("the manifests are what the kustomization lists; workers keep their journal and get longer than they drain", () => {
    const documents = manifests.flatMap((name) =>
      parseAllDocuments(read(join("deploy/kubernetes", name))).map((one) => {
        expect(one.errors, name).toEqual([]);
        return one.toJS() as Manifest;
      }),
    );
    const listed = documents.find(({ kind }) => kind === "Kustomization")?.resources ?? [];
    expect([...listed, "kustomization.yaml"].sort()).toEqual(manifests.sort());
    const pods = documents.flatMap(({ kind, spec }) => (spec?.template ? [{ kind, pod: spec.template.spec }] : []));
    expect(pods.map(({ kind }) => kind).sort()).toEqual(["Deployment", "StatefulSet"]);
    for (const { pod } of pods) {
      const [container] = pod.containers;
      const drain = container?.env.find(({ name }) => name === "POINTSMAN_DRAIN_SECONDS")?.value;
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(drain));
      expect(pod.securityContext.runAsNonRoot).toBe(true);
      expect(container?.securityContext.readOnlyRootFilesystem).toBe(true);
    }
    const set = documents.find(({ kind }) => kind === "StatefulSet");
    expect(set?.spec?.volumeClaimTemplates).toHaveLength(1);
  });

  test.skipIf(!has("systemd-analyze"))("systemd takes the units", () => {
    const dir = mkdtempSync(join(tmpdir(), "units-"));
    try {
      for (const name of readdirSync("deploy/systemd")) {
        const unit = read(join("deploy/systemd", name)).replaceAll("/usr/bin/pointsman", process.execPath);
        writeFileSync(join(dir, name.replace("@.", "@1.")), unit);
        if (name.includes("@.")) copyFileSync(join("deploy/systemd", name), join(dir, name));
      }
      const units = ["pointsman-server.service", "pointsman-worker@1.service"].map((name) => join(dir, name));
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", ...units], { encoding: "utf8" });
      expect(`${status} ${stderr}`).toBe("0 ");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("the units of systemd", () => {
  const unitOf = (name: string): string => read(join("deploy/systemd", name));

  test("go on trying, however long Redis is away", () => {
    for (const name of readdirSync("deploy/systemd")) {
      const [head = ""] = unitOf(name).split("[Service]");
      expect(head, name).toMatch(/^StartLimitIntervalSec=0$/m);
      expect(unitOf(name), name).toMatch(/^Restart=on-failure$/m);
    }
  });

  test.skipIf(!has("systemd-analyze") || !has("strace", "-c", "true"))(
    "allow every call of the system that is made",
    async () => {
      const dir = mkdtempSync(join(tmpdir(), "calls-"));
      const at = await startSystem({ devices: [device("r1")], workers: 0 });
      try {
        for (const [name, command, ready] of [
          ["pointsman-server.service", "server", "server ready"],
          ["pointsman-worker@.service", "worker", "worker ready"],
        ] as const) {
          const summary = join(dir, command);
          const traced = startOurs([command], { ...at.env, NOTIFY_SOCKET: join(dir, "notify") }, [
            ...["strace", "-D", "-f", "-c", "-o", summary],
          ]);
          await traced.logged(ready);
          if (command === "worker") await at.client.jobs.run({ device: "r1", commands: ["clear counters"] });
          await traced.stop();
          const counted = await eventually(() => {
            const calls = countedCalls(read(summary));
            expect(calls).toContain("execve");
            return calls;
          });
          const allowed = allowedCalls(unitOf(name));
          expect(
            counted.filter((call) => !allowed.has(call)),
            name,
          ).toEqual([]);
        }
      } finally {
        await at.close();
        rmSync(dir, { recursive: true, force: true });
      }
    },
  );
});

interface Manifest {
  readonly kind: string;
  readonly resources?: readonly string[];
  readonly spec?: {
    readonly volumeClaimTemplates?: readonly unknown[];
    readonly template?: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsNonRoot: boolean };
        readonly containers: readonly {
          readonly env: readonly { readonly name: string; readonly value?: string }[];
          readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
        }[];
      };
    };
  };
}
