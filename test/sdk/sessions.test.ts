import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSessions } from "../../sdk/src/sessions.js";

test("a connection that breaks while the next call begins harms that call alone", async () => {
  const server = http2.createServer((_, response) => void response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const sessions = createSessions(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {});
  onTestFinished(() => sessions.abort());

  const first = await sessions.request("GET", "/", {}, {});
  first.on("error", () => undefined);
  const session = first.session!;
  const gone = new Promise((resolve) => session.on("close", resolve));
  session.destroy(new Error("Protocol error"));
  const second = await sessions.request("GET", "/", {}, {});
  second.resume().end();
  await gone;
  expect(second.session === session).toBe(false);
  const ended = new Promise((resolve) => second.on("close", resolve));
  const status = await new Promise((resolve) => second.on("response", (headers) => resolve(headers[":status"])));
  expect(status).toBe(200);
  await ended;
});
