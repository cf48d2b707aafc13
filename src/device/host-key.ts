/** A device's public key as it showed it. */
export interface HostKey {
  /** e.g. `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:` and the unpadded base64 digest, as OpenSSH prints it. */
  readonly fingerprint: string;
  /** `type base64`, the form that {@link HostKeyPolicy.known} takes. */
  readonly line: string;
}
