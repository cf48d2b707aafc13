/** Jobs of the bench, numbered from `from`: round robin over the devices, or `inRow` for one device before the next. */
export function createJobs(count, devices, { inRow = 1, from = 0 } = {}) {
  return Array.from({ length: count }, (_, i) => createJob(from + i, Math.floor((from + i) / inRow) % devices));
}

/** One job. Both sides get the same bytes: what a caller would ask of a device, about 170 of them. */
export function createJob(seq, number) {
  const device = `r${number}`;
  const text = JSON.stringify({
    seq,
    device: number,
    address: addressOf(number),
    commands: ["show version", "show ip interface brief", "show running-config | include hostname"],
    timeoutMs: 60_000,
  });
  return { seq, number, device, text };
}

/** A private address for a device's number. */
export function addressOf(number) {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** What a no-op leaves as its result, on both sides. */
export const noResult = JSON.stringify({ ok: true });
