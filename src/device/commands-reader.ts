import { anyWords, type CommandPattern, parseCommandPattern } from "../domain/command-words.js";
import type { PlatformCommands } from "../domain/command-rules.js";
import type { Reader } from "./definition-reader.js";

/** Reads the `commands` part of a definition. */
export function readCommandRules(reader: Reader): PlatformCommands {
  const fields = reader.object(
    ...(["abbreviates", "separators", "leaders", "wrappers", "slashes", "denied", "harmless"] as const),
  );
  return {
    abbreviates: fields.abbreviates.flag(true),
    separators: fields.separators.list((item) => item.text()),
    leaders: fields.leaders.list(readBeginning),
    wrappers: fields.wrappers.list(readBeginning),
    slashes: fields.slashes.oneOf(["in_words", "between_words", "in_paths"], "in_words"),
    denied: fields.denied.list(readPattern),
    harmless: fields.harmless.list(readPattern),
  };
}

/** Another command stands behind it: where it ends has to be certain. */
function readBeginning(reader: Reader): CommandPattern {
  const pattern = readPattern(reader);
  return pattern.words.includes(anyWords) ? reader.fail("** cannot say where the next command begins") : pattern;
}

function readPattern(reader: Reader): CommandPattern {
  try {
    return parseCommandPattern(reader.text());
  } catch (error) {
    if (error instanceof RangeError) return reader.fail(error.message);
    throw error;
  }
}
