import type { ShellOperation } from "@pointsman/sdk/v1";
import { splitWords, WordsError } from "../../domain/split-words.js";
import { invalidRequest } from "../../errors.js";

/** Throws INVALID_REQUEST for a program that cannot be run: a line that has no words, or none that is a program. */
export function checkProgram({ program }: ShellOperation, field: string): void {
  if (program.case === "argv" && program.value.words[0] === "") {
    throw invalidRequest({ field: `${field}.argv.words[0]`, description: "must name a program" });
  }
  if (program.case !== "command") return;
  try {
    if (splitWords(program.value)[0] === "") throw new WordsError("its first word is empty");
  } catch (error) {
    if (!(error instanceof WordsError)) throw error;
    throw invalidRequest({ field: `${field}.command`, description: error.message });
  }
}
