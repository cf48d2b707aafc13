import { startSecured } from "../support/redis-topologies.js";
import { conformance } from "./conformance.js";

conformance("TLS, as the user and with the configuration that we ship", startSecured);
