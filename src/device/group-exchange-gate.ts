import type { Duplex } from "node:stream";
import { handOver, prepareKeys, prepareSecret, type PreparedKeys } from "./group-exchange.js";
import { kexMethods } from "./kex-offer.js";

/*
 * ssh2 does its arithmetic in the handler of the packet that asks for it, on the event loop: a tenth of a second and more
 * for a group of 8,192 bits. What is needed can be known before, since the first key exchange is in the clear: this
 * stands in front of ssh2, holds back the two packets of a group exchange until other threads have done their arithmetic,
 * and then hands packet and result over together. Everything else goes through at once.
 *
 * A later exchange of the same connection is encrypted, so its arithmetic is done on the event loop.
 */

const message = { kexInit: 20, newKeys: 21, group: 31, reply: 33 };
const longestPacket = 262_144;

type DataListener = (bytes: Buffer) => void;

/** Stands in front of the next listener for data that is added to the stream. `offered` are our methods, best first. */
export function gateGroupExchange(stream: Duplex, offered: readonly string[]): void {
  const own = stream.on;
  const on = own.bind(stream);
  stream.on = ((event: string, listener: (...args: never[]) => void) => {
    if (event !== "data") return on(event, listener as never);
    stream.on = own;
    return on("data", createGate(stream, offered, listener as unknown as DataListener));
  }) as Duplex["on"];
}

function createGate(stream: Duplex, offered: readonly string[], listener: DataListener): DataListener {
  let pending = Buffer.alloc(0);
  let isIdentified = false;
  let isOpen = false;
  let isBusy = false;
  let keys: PreparedKeys | undefined;

  const pass = (bytes: Buffer): void => listener.call(stream, bytes);
  const open = (): void => {
    isOpen = true;
    // Nothing stands in between from now on, unless ssh2 has had enough of this stream meanwhile.
    if (stream.listeners("data").includes(gate)) stream.on("data", listener).off("data", gate);
    const rest = pending;
    pending = Buffer.alloc(0);
    if (rest.length > 0) pass(rest);
  };

  /** Length of the whole identification line or packet that stands first; 0 when more is to come, -1 when it is none. */
  const unit = (): number => {
    if (!isIdentified) return pending.indexOf(10) + 1;
    if (pending.length < 6) return 0;
    const length = 4 + pending.readUInt32BE(0);
    if (length < 6 || length > longestPacket) return -1;
    return pending.length < length ? 0 : length;
  };

  const hold = (packet: Buffer, prepare: (copy: Buffer) => Promise<void>): void => {
    isBusy = true;
    stream.pause();
    // What cannot be prepared is for ssh2 to refuse.
    // ssh2 reads packets in place, and writes there too.
    void prepare(Buffer.from(packet))
      .catch(() => undefined)
      .then(() => {
        isBusy = false;
        if (stream.destroyed) return;
        handOver(keys, () => pass(packet));
        take();
      })
      .finally(() => stream.resume());
  };

  const take = (): void => {
    for (let length = unit(); length !== 0 && !isOpen && !isBusy; length = unit()) {
      if (length < 0) return open();
      const first = pending.subarray(0, length);
      pending = pending.subarray(length);
      if (!isIdentified) {
        isIdentified = first.toString("latin1", 0, 4) === "SSH-";
        pass(first);
      } else if (first[5] === message.kexInit) {
        const theirs = kexMethods(first);
        const agreed = offered.find((name) => theirs.includes(name));
        pass(first);
        if (!agreed?.startsWith("diffie-hellman-group-exchange-")) return open();
      } else if (first[5] === message.group) {
        hold(first, async (copy) => void (keys = await prepareKeys(copy)));
      } else if (first[5] === message.reply && keys) {
        const own = keys;
        hold(first, async (copy) => void (keys = { ...own, secret: await prepareSecret(own, copy) }));
      } else if (first[5] === message.newKeys) {
        // Here ssh2 takes the secret; what follows is encrypted.
        handOver(keys, () => pass(first));
        return open();
      } else pass(first);
    }
  };

  const gate = (bytes: Buffer): void => {
    if (isOpen) return pass(bytes);
    pending = Buffer.concat([pending, bytes]);
    if (!isBusy) take();
  };
  return gate;
}
