import type { WorkContext } from "./attempt-context.js";

/** How far a task has come, in the steps by which the outcome of work is judged. */
export interface TaskSteps {
  /**
   * Passes the point of no return, unless that is done, for the line of this number; nothing may be sent before it
   * resolves. From then on its answer is waited for.
   */
  intend(step: number): Promise<void>;
  /** The line of this number leaves now: behind the point of no return, or into what is not in force before it. */
  sent(step: number): void;
  /** The answer to the line of this number was seen. */
  confirm(step: number): void;
  /** From here on what the task does itself may change things: until it ends nobody knows what took effect. */
  open(): Promise<void>;
  /** A change took effect. */
  changed(): void;
  /** The task has ended by itself: what it changed itself is done. What a line did whose answer was never seen is not known. */
  settle(): void;
  /** Whether it passed the point of no return. */
  readonly passed: boolean;
  readonly now: { readonly intendedStep: number; readonly confirmedStep: number; readonly changed: boolean };
}

export function createTaskSteps({ job, writer, intent }: Pick<WorkContext, "job" | "writer" | "intent">): TaskSteps {
  let intended = 0;
  let confirmed = 0;
  let passed = false;
  /** The one asking that all wait for who get there together. */
  let passing: Promise<void> | undefined;
  let changed = false;
  /** The last step whose answer counts while the task itself changes things. */
  let floor: number | undefined;
  /** Lines that may have been sent and whose answer was not seen. */
  const unseen = new Set<number>();

  async function pass(step: number): Promise<void> {
    if (!passed && job.effectClass === "AT_MOST_ONCE") {
      passing ??= intent(step)
        .then(() => void (passed = true))
        .finally(() => (passing = undefined));
      await passing;
    }
    intended = Math.max(intended, step);
    writer.intended(intended);
  }

  const beforeUnseen = (): number => Math.min(Infinity, ...unseen) - 1;

  return {
    async intend(step) {
      await pass(step);
      unseen.add(step);
    },
    sent(step) {
      intended = Math.max(intended, step);
      writer.intended(intended);
      unseen.add(step);
    },
    confirm(step) {
      unseen.delete(step);
      confirmed = Math.max(confirmed, step);
      if (floor === undefined) writer.confirmed(confirmed);
    },
    async open() {
      if (floor !== undefined) return;
      await pass(intended + 1);
      floor = Math.min(confirmed, intended - 1);
      changed = true;
    },
    changed() {
      changed = true;
    },
    settle() {
      floor = undefined;
      confirmed = Math.min(intended, beforeUnseen());
      if (intended > 0) writer.confirmed(confirmed);
    },
    get passed() {
      return passed;
    },
    get now() {
      return { intendedStep: intended, confirmedStep: Math.min(floor ?? confirmed, beforeUnseen()), changed };
    },
  };
}
