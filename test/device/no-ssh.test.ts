import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { DeviceError } from "../../src/device/index.js";
import { endpoint, pool } from "../support/device-engine.js";

const sessions = pool();
afterAll(() => sessions.close());

async function failure(port: number, connectTimeoutMs = 60_000): Promise<DeviceError> {
  const target = endpoint(port, "ssh-rsa AAAAB3NzaC1yc2E=", { connectTimeoutMs });
  const error: unknown = await sessions.checkout(target).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof DeviceError)) throw new Error(`expected a DeviceError, got ${String(error)}`);
  return error;
}

async function listening(onSocket: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

test.each([
  ["a short page", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ["a page longer than any identification", `HTTP/1.1 400 Bad Request\r\n\r\n${"<p>no</p>\r\n".repeat(2_000)}`],
  ["a line longer than any identification", `HTTP/1.1 400 Bad Request ${"x".repeat(20_000)}`],
])("a service that is not SSH and answers %s is DEVICE_UNREACHABLE, with its words", async (_what, page) => {
  const { port, server } = await listening((socket) => socket.once("data", () => socket.end(page)));
  const error = await failure(port);
  expect(error).toMatchObject({
    reason: "DEVICE_UNREACHABLE",
    message: `what answers at 127.0.0.1:${port} does not speak SSH`,
    deviceMessage: expect.stringMatching(/^HTTP\/1\.1 400 Bad Request/) as string,
  });
  expect(error.deviceMessage!.length).toBeLessThanOrEqual(512);
  server.close();
});

test("a service that is not SSH and goes on waiting is DEVICE_UNREACHABLE at the timeout, with its words", async () => {
  const { port, server } = await listening((socket) => socket.write("220 mail.example.net ESMTP\r\n"));
  expect(await failure(port, 2_000)).toMatchObject({
    reason: "DEVICE_UNREACHABLE",
    deviceMessage: "220 mail.example.net ESMTP",
  });
  server.close();
});

test.each(["Exceeded MaxStartups", "Not allowed at this time", "% Connections refused"])(
  "a device that says %s and hangs up is CONNECT_RATE_LIMITED",
  async (words) => {
    const { port, server } = await listening((socket) => socket.end(`${words}\r\n`));
    expect(await failure(port)).toMatchObject({ reason: "CONNECT_RATE_LIMITED", deviceMessage: words });
    server.close();
  },
);
