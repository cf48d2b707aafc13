import { monitorEventLoopDelay } from "node:perf_hooks";

const resolutionMs = 20;

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
