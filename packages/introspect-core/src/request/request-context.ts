import type { Credentials } from './bearer-token.js';

/** What a request brought. An adapter hands over all that its framework has. */
export interface RequestContext<Native = unknown> {
  /** The `Authorization` field lines. */
  authorization: Credentials;
  method?: string;
  url?: string;
  /** The lines of any field; an empty list where there is none. */
  header?(name: string): readonly string[];
  /** In DER. */
  clientCertificate?: Uint8Array | undefined;
  /** Aborted when the caller has gone. */
  signal?: AbortSignal | undefined;
  /** Keeps a runtime awake for work that goes on after the answer. */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** The framework's own request, one object for each: guards that see the same one within 5 s share an answer. */
  native?: Native;
}
