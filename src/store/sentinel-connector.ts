import { type Redis, SentinelConnector, type SentinelConnectionOptions } from "ioredis";

/** What ioredis looks for the primary with, mended where it would lose us or the Sentinels. */
export class SteadySentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const own = this as unknown as { connectToSentinel(...given: unknown[]): Redis };
    const dial = own.connectToSentinel.bind(this);
    own.connectToSentinel = (...given) => {
      const sentinel = dial(...given);
      // One that is not there is no news, but ioredis would print it: the others are asked, and it is dialled again.
      sentinel.on("error", () => undefined);
      // Those that tell of failovers are dialled when the connection stands, even where it was given up meanwhile.
      if (!this.connecting) sentinel.disconnect();
      return sentinel;
    };
  }

  /**
   * Those that told of failovers to the connection before are left first: what they say is taken for a reason to end the
   * connection that is being made because of that very failover, and ioredis does not make another one.
   */
  override connect(...given: Parameters<SentinelConnector["connect"]>): ReturnType<SentinelConnector["connect"]> {
    this.disconnect();
    return super.connect(...given);
  }
}
