// Loaded into a process with `--import`: each SIGUSR2 moves its wall clock, an hour ahead, then two hours back, then an
// hour ahead again. Its monotonic clock and its timers go on as they were, as in life.
const real = Date.now;
const jumps = [3_600_000, -7_200_000, 3_600_000];
let jumped = 0;
let offset = 0;

Date.now = () => real() + offset;
globalThis.Date = new Proxy(Date, {
  construct: (target, given, as) => Reflect.construct(target, given.length === 0 ? [target.now()] : given, as),
});
process.on("SIGUSR2", () => {
  offset += jumps[jumped++ % jumps.length];
});
