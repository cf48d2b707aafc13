import { startSentinel } from "../support/redis-topologies.js";
import { conformance } from "./conformance.js";

conformance("a primary under Sentinel", () => startSentinel(), {
  name: "goes on when the primary dies and its replica takes over",
  async disturb({ nodes: [primary], giveUpAfter }) {
    // What a replica has not got yet is lost with its primary; here it is about finding the new one.
    await primary?.redis.wait(1, 60_000);
    await giveUpAfter(1_000);
    await primary?.kill();
  },
});
