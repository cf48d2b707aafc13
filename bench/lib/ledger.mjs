/**
 * Watches what must hold whatever the speed: each job started once, and per device one at a time (`exclusive`) and in
 * order (`ordered`). Where order is not promised, `inversions` counts what came out of it.
 */
export function createLedger({ exclusive, ordered }) {
  const seen = new Set();
  const last = new Map();
  const running = new Set();
  const broken = new Map();
  let inversions = 0;
  const note = (what) => broken.set(what, (broken.get(what) ?? 0) + 1);
  return {
    started({ seq, device }) {
      if (seen.has(seq)) note("a job was started twice");
      seen.add(seq);
      if (exclusive && running.has(device)) note("two jobs ran on a device at once");
      running.add(device);
      if ((last.get(device) ?? -1) > seq) {
        inversions += 1;
        if (ordered) note("a device's jobs changed order");
      }
      last.set(device, seq);
    },
    finished({ device }) {
      running.delete(device);
    },
    note,
    /** Counts must be what they should be. */
    expect(what, is, should) {
      if (is !== should) note(`${what}: ${is} instead of ${should}`);
    },
    inversions: () => inversions,
    /** What broke, as lines; none when all held. */
    broken: () => [...broken].map(([what, times]) => (times > 1 ? `${what} (${times} times)` : what)),
  };
}
