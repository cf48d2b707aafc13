import type { JobSpec } from "@pointsman/sdk/v1";
import type { Clock, Random } from "../../domain/clock.js";
import type { Sealer } from "../../secrets/sealer.js";
import type { Store } from "../../store/store.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";

/** What creating jobs needs. */
export interface JobCreation {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly platforms: PlatformCatalogue;
  readonly clock: Clock;
  readonly random: Random;
  /** Runs work on inventory devices alone. */
  readonly forbidInlineEndpoints: boolean;
  /** Replicas have to know of work that does not say what has to. Default: the primary is enough. */
  readonly replicateByDefault?: boolean;
}

/** One job asked for. */
export interface JobWish {
  readonly spec: JobSpec;
  /** Path of the spec in the request, such as `job` or `jobs[3]`. */
  readonly field: string;
  readonly creator: string;
  /** Who and which method: what a request id holds for. */
  readonly scope: string;
  /** Empty: none was given. */
  readonly requestId: string;
  /** The job that is done again. */
  readonly retryOf?: string;
  /** The job whose task asks for this one. */
  readonly parent?: string;
  /** The `traceparent` of whoever asks; empty for none. */
  readonly traceParent?: string;
  /** Id of the new job, when it was chosen before; it names the zone of the target. */
  readonly id?: string;
}
