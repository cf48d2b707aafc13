import type { LogLevel } from "../domain/job-event.js";
import { wellFormed } from "../domain/well-formed.js";
import type { FromThread } from "./messages.js";

/** What is kept of the remarks of one attempt. The rest is dropped where it is made, so that a flood reaches nobody. */
const mostRemarks = 10_000;
const mostCharacters = 1024 * 1024;
const longestRemark = 4_096;
const progressEveryMs = 250;
const mostProgress = 5_000;

/** Remarks and progress of one attempt, within their bounds. */
export interface Remarks {
  log(message: string, level: LogLevel): void;
  progress(percent: number | undefined, message: string): void;
  /** Sends what was held back. Nothing is sent after it. */
  end(): void;
}

export function createRemarks(send: (message: FromThread) => void): Remarks {
  let remarks = 0;
  let characters = 0;
  let made = 0;
  let sentAt = -Infinity;
  let held: Extract<FromThread, { kind: "progress" }> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  function sendProgress(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!held || over || made >= mostProgress) return;
    made++;
    sentAt = performance.now();
    send(held);
    held = undefined;
  }

  return {
    log(message, level) {
      if (over || remarks > mostRemarks) return;
      const text = wellFormed(message.length > longestRemark ? `${message.slice(0, longestRemark)}…` : message);
      remarks++;
      characters += text.length;
      if (remarks > mostRemarks || characters > mostCharacters) {
        remarks = Infinity;
        send({ kind: "log", level: "warning", message: "too many remarks: those behind this one are not kept" });
      } else {
        send({ kind: "log", level, message: text });
      }
    },
    progress(percent, message) {
      const bounded = percent === undefined ? undefined : Math.min(100, Math.max(0, percent));
      held = { kind: "progress", percent: bounded, message: wellFormed(message.slice(0, longestRemark)) };
      const leftMs = sentAt + progressEveryMs - performance.now();
      if (leftMs <= 0) sendProgress();
      else timer ??= setTimeout(sendProgress, leftMs);
    },
    end() {
      sendProgress();
      over = true;
    },
  };
}
