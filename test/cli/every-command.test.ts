import { Writable } from "node:stream";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { invalidFields } from "../../src/errors.js";
import { serviceError } from "../sdk/scripted-server.js";
import { startServices } from "../sdk/services.js";
import { runCli } from "./run-cli.js";
import { temporaryFile } from "./temporary-file.js";

describe("every command", () => {
  it("tells an error on one line, and the wrong fields on one line each", async () => {
    const violations = [{ field: "name", description: "must not be empty" }];
    const server = await startServices({
      devices: {
        getDevice() {
          throw serviceError(Code.InvalidArgument, "INVALID_REQUEST", "the request is wrong", { violations });
        },
      },
    });
    const text = await runCli(["devices", "get", ""], server);
    expect(text).toEqual({
      status: 1,
      stdout: "",
      stderr: "error: the request is wrong (INVALID_REQUEST)\n  name: must not be empty\n",
    });
    const json = await runCli(["devices", "get", "", "--json"], server);
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { reason: "INVALID_REQUEST", fieldViolations: violations },
    });
  });

  it("tells no wrong field twice", async () => {
    const fields = ["a", "b", "c", "d", "e"].map((field) => ({ field, description: "is required" }));
    const server = await startServices({
      devices: {
        getDevice() {
          throw invalidFields(fields);
        },
      },
    });
    expect((await runCli(["devices", "get", "r1"], server)).stderr).toBe(
      "error: a: is required; b: is required; c: is required; and 2 more (INVALID_REQUEST)\n" +
        "  d: is required\n  e: is required\n",
    );
  });

  it("names what there is when its group has no such command", async () => {
    const nowhere = { url: "http://127.0.0.1:1" };
    expect(await runCli(["devices", "show", "r1"], nowhere)).toEqual({
      status: 2,
      stdout: "",
      stderr:
        "error: unknown command 'show' of 'devices'; there are list, get, add, update, import, accept-host-key, lock, unlock, " +
        "reset-breaker, remove\n",
    });
    expect(await runCli(["queues", "--json", "stop"], nowhere)).toMatchObject({
      status: 2,
      stderr: "error: unknown command 'stop' of 'queues'; there are list, get, pause, resume\n",
    });
    expect(await runCli(["queues", "list", "stop"], nowhere)).toMatchObject({
      status: 2,
      stderr: "error: too many arguments for 'list': 'stop'\n",
    });
  });

  it("sends the key from a file or the environment, and never shows it", async () => {
    const keys: (string | null)[] = [];
    const server = await startServices({
      workers: {
        listWorkers(_, context) {
          keys.push(context.requestHeader.get("x-api-key"));
          throw serviceError(Code.Unauthenticated, "UNAUTHENTICATED", "no such key");
        },
      },
    });
    const path = await temporaryFile("key", "k3y-file\n");
    const outputs = [
      await runCli(["workers", "--api-key-file", path], server),
      await runCli(["workers"], { ...server, env: { POINTSMAN_API_KEY: "k3y-env" } }),
    ];
    expect(keys).toEqual(["k3y-file", "k3y-env"]);
    expect(JSON.stringify(outputs)).not.toContain("k3y");
    expect(outputs[0]?.stderr).toBe("error: no such key (UNAUTHENTICATED)\n");
  });

  it("names the server that does not answer", async () => {
    const server = await startServices({});
    await server.close();
    const result = await runCli(["workers"], server);
    expect(result.stderr).toMatch(new RegExp(`^error: no answer from ${server.url}: .*ECONNREFUSED.*\\n$`));
    expect(result.status).toBe(1);
  });

  it("ends quietly when nobody reads its output any more", async () => {
    const server = await startServices({ jobs: { countJobs: () => ({ total: 1, byState: {} }) } });
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    const left: number[] = [];
    const result = await runCli(["jobs", "count"], {
      ...server,
      stdout: broken,
      onLeave: (status) => left.push(status),
    });
    expect(left).toEqual([141]);
    expect(result.stderr).toBe("");
  });

  it("ends with an error when its output cannot be written", async () => {
    const server = await startServices({ jobs: { countJobs: () => ({ total: 1, byState: {} }) } });
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" })),
    });
    const left: number[] = [];
    const result = await runCli(["jobs", "count"], { ...server, stdout: full, onLeave: (status) => left.push(status) });
    expect(left).toEqual([1]);
    expect(result.stderr).toBe("error: what was answered cannot be written: ENOSPC: no space left\n");
  });
});
