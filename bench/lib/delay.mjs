/** Joins two sockets; what one says reaches the other `ms` milliseconds later, in order. Ends both when one ends. */
export function createDelay(one, other, ms) {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ]) {
    const waiting = [];
    let timer;
    const deliver = () => {
      timer = undefined;
      const now = performance.now();
      while (waiting.length > 0 && waiting[0].at <= now) to.write(waiting.shift().bytes);
      if (waiting.length > 0) timer = setTimeout(deliver, Math.max(0, waiting[0].at - performance.now()));
    };
    from.on("data", (bytes) => {
      waiting.push({ bytes, at: performance.now() + ms });
      timer ??= setTimeout(deliver, ms);
    });
    from.on("error", () => undefined);
    from.on("close", () => setTimeout(() => to.destroy(), ms + 1));
  }
}
