import type { Tracer } from "@opentelemetry/api";

/** Where spans go, and how to send the last of them. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what is left. */
  stop(): Promise<void>;
}

/**
 * Tracing as OpenTelemetry's own environment variables ask for it: OTEL_EXPORTER_OTLP_ENDPOINT or
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT say where spans go (OTLP over HTTP, protobuf), OTEL_TRACES_SAMPLER which, and
 * OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES under which name. Undefined when no endpoint is given, or with
 * OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER=none: then nothing of OpenTelemetry's SDK is even loaded.
 */
export async function startTracing(
  service: string,
  version: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Tracing | undefined> {
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "";
  if (endpoint === "" || env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_TRACES_EXPORTER"] === "none") {
    return undefined;
  }
  const [{ BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources] = await Promise.all([
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/resources"),
  ]);
  const provider = new BasicTracerProvider({
    resource: resources
      .resourceFromAttributes({ "service.name": service, "service.version": version })
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  return { tracer: provider.getTracer("pointsman", version), stop: () => provider.shutdown() };
}
