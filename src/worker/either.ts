/**
 * Resolves when one of the signals aborts or `start`'s call comes. It leaves nothing at the signals: what waits again and
 * again would hang more on them with every turn.
 */
export function either(signals: readonly AbortSignal[], start: (go: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", go);
      resolve();
    };
    if (signals.some(({ aborted }) => aborted)) return resolve();
    for (const signal of signals) signal.addEventListener("abort", go, { once: true });
    start(go);
  });
}
