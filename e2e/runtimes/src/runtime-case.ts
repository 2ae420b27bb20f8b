import type { KeyAlgorithm } from '@acme/introspect-core/private-key-jwt';

/** What a runtime is told by the process that starts it. */
export interface Settings {
  /** Of the server that answers by token, see `answersByToken`. */
  readonly origin: string;
  /** Of the server that is scripted for what is asked from outside. */
  readonly scriptedOrigin: string;
  /** Of the server of faults that the contract for transports is about. */
  readonly faultOrigin: string;
  /** Made by Node, for this run. */
  readonly keys: readonly KeyPair[];
}

export interface KeyPair {
  readonly algorithm: KeyAlgorithm;
  /** PEM. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Something that holds on every runtime. Whatever `run` throws is the failure. */
export interface RuntimeCase {
  readonly name: string;
  run(settings: Settings): Promise<void>;
}
