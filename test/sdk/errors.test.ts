import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionError,
  Pointsman,
  PointsmanError,
  PreconditionError,
  UnauthenticatedError,
  UnavailableError,
} from "@pointsman/sdk";
import { eventually } from "../support/eventually.js";
import { jobId } from "./scripted-job.js";
import { serviceError } from "./scripted-server.js";
import { startWithClient, thrownBy } from "./services.js";

describe("errors", () => {
  it.each([
    [Code.NotFound, NotFoundError],
    [Code.AlreadyExists, ConflictError],
    [Code.InvalidArgument, InvalidArgumentError],
    [Code.PermissionDenied, PermissionError],
    [Code.Unauthenticated, UnauthenticatedError],
    [Code.FailedPrecondition, PreconditionError],
    [Code.Unavailable, UnavailableError],
  ])("of code %i have their class", async (code, expected) => {
    const { client } = await startWithClient(
      {
        jobs: {
          getJob() {
            throw serviceError(code, "JOB_NOT_FOUND", "the message", { metadata: { id: "x" } });
          },
        },
      },
      { retry: false },
    );
    const error = await thrownBy(client.jobs.get(jobId(1)));
    expect(error).toBeInstanceOf(expected);
    expect(error).toBeInstanceOf(PointsmanError);
    expect(error).toMatchObject({
      name: expected.name,
      reason: "JOB_NOT_FOUND",
      message: "the message",
      metadata: { id: "x" },
    });
    const others = [NotFoundError, ConflictError, PermissionError].filter((other) => other !== expected);
    for (const other of others) expect(error).not.toBeInstanceOf(other);
  });

  it("name the fields that are wrong", async () => {
    const violations = [{ field: "job.device", description: "must not be empty" }];
    const { client } = await startWithClient({
      jobs: {
        createJob() {
          throw serviceError(Code.InvalidArgument, "INVALID_REQUEST", "invalid", { violations });
        },
      },
    });
    const error = await thrownBy(client.jobs.create({ device: "", commands: ["x"] }));
    expect(error).toMatchObject({ fieldViolations: violations, reason: "INVALID_REQUEST" });
  });

  it("are known by their brand, across two copies of the package", () => {
    const elsewhere = { [Symbol.for("@pointsman/sdk/error")]: true, code: "not_found" };
    expect(elsewhere).toBeInstanceOf(NotFoundError);
    expect(elsewhere).toBeInstanceOf(PointsmanError);
    expect(elsewhere).not.toBeInstanceOf(ConflictError);
    expect(new ConnectError("x", Code.NotFound)).not.toBeInstanceOf(PointsmanError);
    class Mine extends NotFoundError {}
    expect(new NotFoundError("x", { code: "not_found" })).not.toBeInstanceOf(Mine);
    expect(new Mine("x", { code: "not_found" })).toBeInstanceOf(NotFoundError);
  });

  it("of a lost connection are UnavailableError without a reason, and of the caller's own signal canceled", async () => {
    const server = await startWithClient(
      {
        jobs: {
          async createJob(_, context) {
            server.cut();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            return {};
          },
          async getJob(_, context) {
            stop.abort();
            await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
            return {};
          },
        },
      },
      { retry: false },
    );
    const stop = new AbortController();
    const lost = await thrownBy(server.client.jobs.create({ device: "r1", probe: true }));
    expect(lost).toBeInstanceOf(UnavailableError);
    expect(lost).toMatchObject({ reason: undefined });
    expect(await thrownBy(server.client.jobs.get(jobId(1), { signal: stop.signal }))).toMatchObject({
      code: "canceled",
    });
  });

  it("end a call at its deadline, and tell the server", async () => {
    let told = false;
    const { client } = await startWithClient({
      jobs: {
        async getJob(_, context) {
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          told = true;
          return {};
        },
      },
    });
    expect(await thrownBy(client.jobs.get(jobId(1), { timeoutMs: 2_000 }))).toMatchObject({
      code: "deadline_exceeded",
    });
    await eventually(() => expect(told).toBe(true));
  });

  it("never hold the API key, nor does a key that cannot be one get that far", async () => {
    const keys: (string | null)[] = [];
    const { client } = await startWithClient(
      {
        jobs: {
          countJobs(_, context) {
            keys.push(context.requestHeader.get("x-api-key"));
            throw serviceError(Code.Unauthenticated, "UNAUTHENTICATED", "no");
          },
        },
      },
      { apiKey: "s3cr3t" },
    );
    const error = await thrownBy(client.jobs.count());
    expect(keys).toEqual(["s3cr3t"]);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain("s3cr3t");
    expect(() => new Pointsman({ apiKey: "s3cr3t\n" })).toThrow(/^(?!.*s3cr3t)/);
    expect(() => new Pointsman({ baseUrl: "localhost:9000" })).toThrow(TypeError);
  });
});
