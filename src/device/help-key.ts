/**
 * Why a line cannot be typed: a key in it asks for help at once, wherever it stands, and what runs in the end is the line
 * without it. Seen on vtysh, on the terminal of FRR's daemons and on birdc. Undefined: it can be. `helpKey`: empty where
 * the platform has none.
 */
export function helpKeyProblem(helpKey: string, line: string): string | undefined {
  if (helpKey === "" || !line.includes(helpKey)) return undefined;
  return `"${helpKey}" asks this device for help as soon as it is typed, so that it cannot be part of a line`;
}
