import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Clear of what is well known, and of the ports that a browser's `fetch` refuses. */
const lowest = 11_000;
const count = lowestTakenBySystem() - lowest;
/** Each process begins elsewhere, so that two that look at the same time do not find the same. */
let next = (process.pid * 7_919) % count;

/**
 * A port on loopback that nobody listens at, for programs that cannot take port 0, and for those that give their port up
 * and come back to it. It is none of those that the system gives out by itself: no connection, and no server that takes
 * whatever is free, comes upon it meanwhile. No two calls of a process are given the same.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + next;
    next = (next + 1) % count;
    if (await isFree(port)) return port;
  }
}

/** The lowest port that the system gives to who does not ask for one by number. */
function lowestTakenBySystem(): number {
  try {
    return Math.max(20_000, Number.parseInt(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"), 10));
  } catch {
    // What IANA says, and other systems than Linux do.
    return 49_152;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
