import { startCluster } from "../support/redis-topologies.js";
import { conformance } from "./conformance.js";

conformance("a cluster of three primaries", () => startCluster());
