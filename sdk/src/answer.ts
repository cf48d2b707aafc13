import { createPointsmanError, type ErrorCode, type PointsmanError } from "./errors.js";

/** The error of one item of a batch, as if a call of its own had failed with it. */
export function itemError(item: { code: string; reason: string; message: string }): PointsmanError {
  return createPointsmanError(item.message, { code: item.code as ErrorCode, reason: item.reason || undefined });
}

/** The error of an item that a batch's answer leaves out, which a service that keeps the contract never does. */
export const noResult = { code: "internal", reason: "", message: "the answer holds no result" } as const;

/** The message an answer always holds. */
export function present<T>(message: T | undefined): T {
  if (message === undefined) throw createPointsmanError("the answer is empty", { code: "internal" });
  return message;
}
