import { startSocket } from "../support/redis-topologies.js";
import { conformance } from "./conformance.js";

conformance("one process behind a unix socket", () => startSocket());
