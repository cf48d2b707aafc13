import type { ServerChannel } from "ssh2";
import type { Clock, Random } from "../../domain/clock.js";
import type { Faults } from "./faults.js";

/** The bytes on their way to one channel's client, in order, shaped by the device's faults. */
export interface Output {
  write(text: string): void;
  /** Undefined when more can be written at once; else resolves when it can, or when the channel is gone. */
  room(): Promise<void> | undefined;
  /** Calls `then` when everything written has left. */
  whenSent(then: () => void): void;
  /** Cuts the connection when this many more bytes have left. */
  cutAfter(bytes: number): void;
  /** Nothing more leaves. */
  close(): void;
}

/** What an output works with. */
export interface OutputOptions {
  readonly channel: ServerChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: () => Faults;
  /** Cuts the connection after what was written has left. */
  readonly cut: () => void;
}

const DRIP_TICK_MS = 20;

/** Without faults every write goes straight to the channel: no timer, no copy, no queue. */
export function createOutput({ channel, clock, random, faults, cut }: OutputOptions): Output {
  let queue: Buffer[] = [];
  let sent = 0;
  let limit = Infinity;
  let closed = false;
  let pausing = false;
  let afterwards: (() => void)[] = [];

  const settle = (): void => {
    const waiting = afterwards;
    afterwards = [];
    for (const then of waiting) then();
  };
  const close = (): void => {
    closed = true;
    queue = [];
    settle();
  };
  const shaped = (): boolean => {
    const now = faults();
    if (now.splitBytes !== undefined || now.bytesPerSecond !== undefined) return true;
    return limit !== Infinity || now.disconnectAtByte !== undefined;
  };
  const send = (bytes: Buffer): void => {
    sent += bytes.length;
    channel.write(bytes);
  };

  const pump = (): void => {
    for (let piece = queue[0]; piece && !pausing && !closed; piece = queue[0]) {
      const { splitBytes, bytesPerSecond, disconnectAtByte = Infinity } = faults();
      const end = Math.min(limit, disconnectAtByte);
      let size = piece.length;
      if (splitBytes !== undefined) size = Math.min(size, 1 + Math.floor(random.number() * splitBytes));
      if (bytesPerSecond !== undefined) {
        size = Math.min(size, Math.max(1, Math.floor((bytesPerSecond * DRIP_TICK_MS) / 1000)));
        pausing = true;
        clock.timer((size * 1000) / bytesPerSecond, () => {
          pausing = false;
          pump();
        });
      }
      const cutHere = sent + size >= end;
      if (cutHere) size = Math.max(0, end - sent);
      if (size > 0) send(piece.subarray(0, size));
      if (cutHere) {
        close();
        cut();
        return;
      }
      if (size === piece.length) queue.shift();
      else queue[0] = piece.subarray(size);
    }
    if (queue.length === 0 && !pausing) settle();
  };

  return {
    write(text) {
      if (closed || text === "") return;
      const bytes = Buffer.from(text);
      if (queue.length === 0 && !pausing && !shaped()) {
        send(bytes);
        return;
      }
      queue.push(bytes);
      pump();
    },
    room() {
      if (closed) return undefined;
      if (queue.length > 0 || pausing) return new Promise((resolve) => afterwards.push(resolve));
      if (!channel.writableNeedDrain) return undefined;
      return new Promise((resolve) => {
        const done = (): void => {
          channel.off("drain", done);
          channel.off("close", done);
          resolve();
        };
        channel.on("drain", done);
        channel.on("close", done);
      });
    },
    whenSent(then) {
      if (queue.length === 0 && !pausing) then();
      else afterwards.push(then);
    },
    cutAfter(bytes) {
      limit = sent + bytes;
    },
    close,
  };
}
