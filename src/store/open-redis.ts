import { openCluster } from "./cluster.js";
import type { RedisLinks } from "./connection.js";
import { accessTo, connected, dial, settingOf, stateConnection } from "./node-connection.js";
import { parseRedisUrl, type RedisUrl, showPlace } from "./redis-place.js";
import { requireServer } from "./require-server.js";
import { reasonOf } from "./connection-errors.js";
import { StoreError } from "./store-error.js";

/** Connects, or throws STORE_UNAVAILABLE with one line that says why not. */
export async function openRedis(url: RedisUrl): Promise<RedisLinks> {
  const place = parseRedisUrl(url);
  try {
    const access = await accessTo(place);
    if (place.kind === "cluster") return await openCluster(place, access);
    // The first connection says why it fails; the one for state would go on trying.
    const first = await dial(access);
    await requireServer(first, "standalone").finally(() => first.disconnect());
    const state = stateConnection(access);
    await connected(state);
    return {
      state,
      dial: () => dial(access),
      together: () => "",
      ping: async () => void (await state.ping()),
      info: () => state.info(),
      setting: (_, name) => settingOf(state, name),
      async close() {
        await state.quit().catch(() => undefined);
        // One that is gone would come back for ever, and one that said good-bye to Redis still listens to Sentinels.
        state.disconnect();
      },
    };
  } catch (error) {
    throw new StoreError("STORE_UNAVAILABLE", `cannot use Redis at ${showPlace(place)}: ${reasonOf(error)}`);
  }
}
