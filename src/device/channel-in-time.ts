import type { Clock } from "../domain/clock.js";
import { DeviceError } from "./device-error.js";
import type { Channel } from "./transport.js";

/** How long a channel is waited for. */
export interface ChannelPatience {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
  /** What to say when none came in time. */
  readonly late: () => DeviceError;
}

/**
 * A channel, as long as it comes in time: a device may let us in, answer keepalives, and still never open one. One that
 * comes later is closed. Whether the device began with what was asked for is not known then.
 */
export function channelInTime(
  opening: Promise<Channel>,
  { clock, ms, signal, late }: ChannelPatience,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const giveUp = (error: DeviceError): void => {
      isOver = true;
      done();
      reject(error);
    };
    const abort = (): void => giveUp(new DeviceError("CANCELLED", "cancelled before the device opened a channel"));
    const cancelTimer = clock.timer(ms, () => giveUp(late()));
    const done = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort, { once: true });
    opening.then(
      (channel) => {
        if (isOver) return channel.close();
        done();
        resolve(channel);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
    if (signal?.aborted) abort();
  });
}
