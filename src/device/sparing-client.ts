import type { Client, ConnectConfig } from "ssh2";
import type { AlgorithmOffer } from "./algorithms.js";

/*
 * What ssh2 keeps of each connection for its next key exchange is small, but each small buffer that is kept keeps the
 * 8 KiB that Node cuts such buffers from. A worker holds thousands of connections.
 */

/** The part of ssh2's client that its types leave out. */
interface Protocol {
  /** Our offer, ready to be sent. Never changed. */
  _offer?: object;
  /** The other side's identification. */
  _remoteIdentRaw?: Buffer;
}

const offers = new WeakMap<AlgorithmOffer, object>();

function protocolOf(client: Client): Protocol | undefined {
  return (client as unknown as { readonly _protocol?: Protocol })._protocol;
}

/** Connects; connections with the same offer keep one copy of it. */
export function connectSparingly(client: Client, algorithms: AlgorithmOffer, config: ConnectConfig): void {
  const { poolSize } = Buffer;
  Buffer.poolSize = 0;
  try {
    client.connect({ ...config, algorithms: algorithms as never });
  } finally {
    Buffer.poolSize = poolSize;
  }
  const protocol = protocolOf(client);
  if (protocol?._offer === undefined) return;
  const known = offers.get(algorithms);
  if (known) protocol._offer = known;
  else offers.set(algorithms, protocol._offer);
}

/** The connection stands: what came while it was set up, and is kept, moves to memory of its own. */
export function settle(client: Client): void {
  const protocol = protocolOf(client);
  const ident = protocol?._remoteIdentRaw;
  if (!protocol || !ident) return;
  protocol._remoteIdentRaw = Buffer.allocUnsafeSlow(ident.length);
  ident.copy(protocol._remoteIdentRaw);
}
