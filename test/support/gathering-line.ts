import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

const GATHER_MS = 30;

/** A line in front of a local port that hands over what the server says in gathered pieces, as a busy client reads it. */
export async function gatheringLine(port: number): Promise<{ port: number; close(): void }> {
  const server: Server = createServer((client: Socket) => {
    const device = connect(port, "127.0.0.1");
    let gathered: Buffer[] = [];
    const handOver = (): void => {
      if (gathered.length > 0) client.write(Buffer.concat(gathered));
      gathered = [];
    };
    const timer = setInterval(handOver, GATHER_MS);
    device.on("data", (data: Buffer) => gathered.push(data));
    device.on("close", () => {
      clearInterval(timer);
      handOver();
      client.end();
    });
    client.on("data", (data: Buffer) => device.write(data));
    client.on("close", () => device.end());
    for (const socket of [client, device]) socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
