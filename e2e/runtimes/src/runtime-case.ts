import type { KeyAlgorithm } from '@acme/introspect-core/private-key-jwt';

/** The settings that a runtime gets from the process that starts it. */
export interface Settings {
  /** The origin of the server that responds by token, see `responsesByToken`. */
  readonly origin: string;
  /** The origin of the server that is scripted for the cases from outside. */
  readonly scriptedOrigin: string;
  /** The origin of the fault server of the contract for transports. */
  readonly faultOrigin: string;
  /** Node makes them for each run. */
  readonly keys: readonly KeyPair[];
}

export interface KeyPair {
  readonly algorithm: KeyAlgorithm;
  /** In PEM. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** A case that must pass on every runtime. It fails if `run` throws. */
export interface RuntimeCase {
  readonly name: string;
  run(settings: Settings): Promise<void>;
}
