import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Random } from "../../src/domain/clock.js";

/** Where a proxy connects to. */
export type Upstream = { readonly host: string; readonly port: number } | { readonly path: string };

/** What is wrong with the way between two processes. Nothing given: nothing is. */
export interface Toxics {
  /** Each piece arrives this much later, … */
  readonly latencyMs?: number;
  /** … and by up to this much more, drawn for each. Order is kept. */
  readonly jitterMs?: number;
  /** Pieces are at most this long, each in a packet of its own. */
  readonly sliceBytes?: number;
  /** Nothing arrives in this direction; "both" is a black hole. What was sent meanwhile arrives when it is over, as TCP would have it, or never if the connection ends before. */
  readonly hold?: "up" | "down" | "both";
  /** Chance, 0 to 1, that a piece coming down is swallowed and the connection reset: the request was carried out, its reply is lost. */
  readonly eatReplies?: number;
  /** New connections are reset at once. */
  readonly refuse?: boolean;
}

/** A way between two processes that can be made bad. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that go through it now. */
  readonly connections: number;
  /** Replies swallowed so far. */
  readonly eaten: number;
  set(toxics: Toxics): void;
  /** Resets every connection. */
  cut(): void;
  /** Sends new connections somewhere else. */
  redirect(upstream: Upstream): void;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `upstream`. */
export async function startTcpProxy(upstream: Upstream, random: Random): Promise<TcpProxy> {
  let target = upstream;
  let toxics: Toxics = {};
  let eaten = 0;
  const ways = new Set<{ readonly destroy: () => void; readonly release: () => void }>();

  const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    if (toxics.refuse) return void client.resetAndDestroy();
    const server = connect({ ...target, allowHalfOpen: true });
    server.setNoDelay();
    const destroy = (): void => {
      client.resetAndDestroy();
      server.destroy();
      ways.delete(way);
    };
    const up = createDirection(client, server, "up");
    const down = createDirection(server, client, "down");
    const release = (): void => {
      up();
      down();
    };
    const way = { destroy, release };
    ways.add(way);
    for (const socket of [client, server]) {
      socket.on("error", destroy);
      socket.once("close", destroy);
    }

    function createDirection(from: Socket, to: Socket, direction: "up" | "down"): () => void {
      const waiting: { readonly piece: Buffer | undefined; readonly notBefore: number }[] = [];
      let timer: NodeJS.Timeout | undefined;
      const pass = (): void => {
        clearTimeout(timer);
        timer = undefined;
        while (waiting.length > 0 && toxics.hold !== direction && toxics.hold !== "both") {
          const early = waiting[0]!.notBefore - performance.now();
          if (early > 0) {
            timer = setTimeout(pass, early);
            return;
          }
          const { piece } = waiting.shift()!;
          if (piece === undefined) to.end();
          else to.write(piece);
        }
      };
      const take = (piece: Buffer | undefined): void => {
        const { latencyMs = 0, jitterMs = 0 } = toxics;
        const delay = latencyMs + (jitterMs > 0 ? random.number() * jitterMs : 0);
        const notBefore = Math.max(performance.now() + delay, waiting.at(-1)?.notBefore ?? 0);
        waiting.push({ piece, notBefore });
      };
      from.on("data", (piece: Buffer) => {
        const { eatReplies = 0, sliceBytes } = toxics;
        if (direction === "down" && eatReplies > 0 && random.number() < eatReplies) {
          eaten++;
          return destroy();
        }
        const size = sliceBytes ?? piece.length;
        for (let at = 0; at < piece.length; at += size) take(piece.subarray(at, at + size));
        pass();
      });
      from.once("end", () => {
        take(undefined);
        pass();
      });
      return pass;
    }
  });
  await new Promise<void>((resolve, reject) => listener.once("error", reject).listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const way of [...ways]) way.destroy();
  };
  return {
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return ways.size;
    },
    get eaten() {
      return eaten;
    },
    set(next) {
      toxics = next;
      for (const way of ways) way.release();
    },
    cut,
    redirect(next) {
      target = next;
    },
    async close() {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
