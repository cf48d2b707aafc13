const PLACEHOLDER = /\{([a-z_]+)\}/g;
const plain = new Set<string>();

/** Replaces every `{name}` that `value` knows; what it does not know stays as it is. */
export function render(text: string, value: (name: string) => string | undefined): string {
  if (plain.has(text)) return text;
  let found = false;
  const rendered = text.replace(PLACEHOLDER, (whole, name: string) => {
    found = true;
    return value(name) ?? whole;
  });
  // Transcripts are few and printed often: remember those in which there is nothing to look for.
  if (!found && plain.size < 10_000) plain.add(text);
  return rendered;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A time in UTC by the strftime letters `%a %b %d %e %H %M %S %Y`, and `%L` for milliseconds. */
export function formatTime(format: string, epochMs: number): string {
  const time = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return format.replace(/%([abdeHMSYL])/g, (_whole, letter: string) => {
    if (letter === "a") return DAYS[time.getUTCDay()]!;
    if (letter === "b") return MONTHS[time.getUTCMonth()]!;
    if (letter === "d") return two(time.getUTCDate());
    if (letter === "e") return String(time.getUTCDate()).padStart(2, " ");
    if (letter === "H") return two(time.getUTCHours());
    if (letter === "M") return two(time.getUTCMinutes());
    if (letter === "S") return two(time.getUTCSeconds());
    if (letter === "Y") return String(time.getUTCFullYear());
    return String(time.getUTCMilliseconds()).padStart(3, "0");
  });
}
