import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { backoff } from "./node-connection.js";

/** How often a line with nothing to say is asked whether it is alive. */
const pingMs = 3_000;

/** Published messages, from one connection that is replaced when it breaks. Messages in between are lost. */
export interface HintLine {
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  stop(): Promise<void>;
}

/** What a hint line tells. */
export interface HintListener {
  message(channel: string, message: string): void;
  /** A connection stands again after a break: messages may have been missed. */
  back(): void;
}

/** Opens a line. `dial` makes a new connection, to another process when the last one is gone. Throws when it cannot. */
export async function openHintLine(dial: () => Promise<Redis>, listener: HintListener): Promise<HintLine> {
  const channels = new Set<string>();
  const stopping = new AbortController();
  const { signal } = stopping;
  let current: Redis | undefined;

  /** Takes a new connection into use; resolves when it has ended. */
  async function live(redis: Redis): Promise<void> {
    const ended = new Promise<void>((resolve) => redis.once("end", resolve));
    redis.on("message", (channel: string, message: string) => listener.message(channel, message));
    current = redis;
    if (signal.aborted) redis.disconnect();
    else if (channels.size > 0) await redis.subscribe(...channels);
    // A connection that owes an answer too long ends by itself, and that is how one to a silent process is found out.
    const ping = setInterval(() => void redis.ping().catch(() => undefined), pingMs);
    ping.unref();
    listener.back();
    await ended.finally(() => clearInterval(ping));
  }

  async function keep(first: Redis): Promise<void> {
    for (let next: Redis | undefined = first, tries = 0; !signal.aborted; tries++) {
      try {
        const redis = next ?? (await dial());
        tries = 0;
        // The client would wait for two seconds for a connection to end that has ended.
        await live(redis).finally(() => redis.status !== "end" && redis.disconnect());
      } catch {
        await pause(backoff(tries), undefined, { signal }).catch(() => undefined);
      }
      next = undefined;
    }
  }

  const kept = keep(await dial());

  return {
    async subscribe(channel) {
      channels.add(channel);
      const redis = current;
      // When the connection is lost meanwhile, the next one takes all channels up.
      await redis?.subscribe(channel).catch((error: unknown) => {
        if (redis.status === "ready") throw error;
      });
    },
    async unsubscribe(channel) {
      channels.delete(channel);
      await current?.unsubscribe(channel).catch(() => undefined);
    },
    async stop() {
      stopping.abort();
      current?.disconnect();
      await kept;
    },
  };
}
