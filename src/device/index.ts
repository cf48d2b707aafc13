/** The device engine: SSH transport, screen, platforms, sessions and their pool. Knows nothing of jobs or of Redis. */
export { parseConfiguration } from "./configuration-lines.js";
export type { ConfigurationLine, LineProblem, ParsedConfiguration } from "./configuration-lines.js";
export { compareConfigurations, normalConfiguration, planHash, predictDiff, redactDiff } from "./configuration-diff.js";
export type {
  CandidateRules,
  ConfigurationRules,
  ConfigurationStep,
  ConfirmedRules,
  Evidence,
} from "./configuration-rules.js";
export { findLines, standingOf } from "./configuration-presence.js";
export type { Presence, Standing } from "./configuration-presence.js";
export { linesBeside, restoringLines } from "./configuration-restore.js";
export { confirmationProblem, missingConsent, unprovenParts } from "./consent.js";
export type { ConfigurationWish } from "./consent.js";
export { createConfigurator } from "./configure.js";
export type { Configurator, StepOptions, StepOutcome } from "./configure.js";
export type { CryptoProfile } from "../domain/crypto-profile.js";
export { DeviceError, deviceErrorReasons } from "./device-error.js";
export type { DeviceErrorDetails, DeviceErrorReason } from "./device-error.js";
export { limitsOf } from "./endpoint.js";
export type { Account, Endpoint, Hop } from "./endpoint.js";
export { createHandshakes } from "./handshakes.js";
export { helpKeyProblem } from "./help-key.js";
export { hostKeyFromBlob, knownHostKeys, parseHostKey, parseKnownHosts } from "./host-key.js";
export type { HostKey, HostKeyPolicy, KnownHost } from "./host-key.js";
export { isHostName, readHostNames, readSerials } from "./identity.js";
export { groupExchangeCount } from "./group-exchange.js";
export { builtInPlatforms, DefinitionError, installedPlatforms, parsePlatform } from "./platform-loader.js";
export type { Mode, Platform, PlatformOrigin, PlatformVectors, Question, Transition } from "./platform.js";
export { createSessionPool } from "./pool.js";
export type { CheckoutOptions, PooledSession, SessionGate, SessionPool, SessionPoolOptions } from "./pool.js";
export { isReadOnly } from "./read-only.js";
export type { ReadOnlyRules } from "./read-only.js";
export { createRedactingStream, createRedactor } from "./redact.js";
export type { RedactingStream, Redactor } from "./redact.js";
export type { Answer, CommandOutcome, CommandRequest, ModeOptions, Session } from "./session.js";
export { createSshConnector } from "./ssh-transport.js";
export type { SshConnector } from "./ssh-transport.js";
export { checkOutput, checkPrompts } from "./check-output.js";
export type { Finding } from "./check-output.js";
export { checkSession } from "./check-session.js";
export type { SessionCheck } from "./check-session.js";
export { parseRecordedSession } from "./recorded-session.js";
export type { RecordedSession } from "./recorded-session.js";
export { parseTranscript, replayTranscript } from "./replay.js";
export type { ReplayOptions, ReplayStep } from "./replay.js";
export { createTranscript } from "./transcript.js";
export type { Transcript } from "./transcript.js";
export type { Channel, ChannelEnd, ChannelListener, Transport, TransportFactory } from "./transport.js";
