import { monitorEventLoopDelay } from "node:perf_hooks";

/** How far apart two looks are: each wakes a process that has nothing else to do. */
const resolutionMs = 50;

/** Measures for how long at most the event loop kept others waiting since it was asked last, in milliseconds. */
export function createLoopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return () => {
    const longestMs = histogram.count === 0 ? 0 : Math.max(0, histogram.max / 1e6 - resolutionMs);
    histogram.reset();
    return longestMs;
  };
}

const windowMs = 1_000;

/** Watches how late the event loop is. Gives the 99th percentile of the last second or so, in milliseconds. */
export function watchLoopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let latest = 0;
  setInterval(() => {
    // What is measured is the time between two looks, their distance included.
    latest = Math.max(0, histogram.percentile(99) / 1e6 - resolutionMs);
    histogram.reset();
  }, windowMs).unref();
  return () => latest;
}
