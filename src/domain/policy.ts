/** Which devices a policy holds for. Fields AND, values inside a field OR; empty: every device. */
export interface PolicyScope {
  readonly zones: readonly string[];
  readonly devices: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What every policy says of itself. Times are milliseconds since the epoch. */
export interface Policy {
  readonly name: string;
  readonly owner: string;
  readonly reason: string;
  readonly createMs: number;
}

/** Whether a policy is for some devices of a zone and not for others. */
export function isSelective({ devices, labels }: PolicyScope): boolean {
  return devices.length > 0 || Object.keys(labels).length > 0;
}

/** Whether a policy can hold for anything in a zone. */
export function reachesZone({ zones }: PolicyScope, zone: string): boolean {
  return zones.length === 0 || zones.includes(zone);
}

/** Whether a policy holds for a device; for work at an address that is no device, `name` is undefined. */
export function holdsFor(
  scope: PolicyScope,
  device: { readonly name?: string; readonly zone: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  const { devices, labels } = scope;
  return (
    reachesZone(scope, device.zone) &&
    (devices.length === 0 || (device.name !== undefined && devices.includes(device.name))) &&
    Object.entries(labels).every(([name, value]) => device.labels[name] === value)
  );
}
