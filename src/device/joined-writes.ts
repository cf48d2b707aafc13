import type { Duplex } from "node:stream";

/**
 * Lets what is written in one turn leave in one piece. ssh2 writes the parts of a packet one by one where its cipher is
 * not compiled for the machine, and each would be a call of the system and a segment on the wire.
 */
export function joinWrites(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let isHeld = false;
  const release = (): void => {
    isHeld = false;
    stream.uncork();
  };
  stream.write = (...args: unknown[]): boolean => {
    if (!isHeld) {
      isHeld = true;
      stream.cork();
      process.nextTick(release);
    }
    return write(...args);
  };
}
