import type { Duplex } from "node:stream";

/**
 * Lets what is written in one turn leave in one piece, where a library writes part by part: each would be a call of the
 * system, a segment on the wire, and a time that whoever reads it is woken.
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
