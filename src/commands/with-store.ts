import { loadConfig } from "../config.js";
import type { Store } from "../store/store.js";

/** Opens the store that a configuration names, for a command that works beside the service, and closes it behind it. */
export async function withStore(config: string | undefined, act: (store: Store) => Promise<void>): Promise<void> {
  // Most commands only call a server: what it takes to open a store is loaded by those that do.
  const { openStore } = await import("./assemble.js");
  const store = await openStore(loadConfig(config, process.env));
  try {
    await act(store);
  } finally {
    await store.close();
  }
}
