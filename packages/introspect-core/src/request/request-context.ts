import type { Credentials } from './bearer-token.js';

/** What the authorizer may use of a request. An adapter sets all members that its framework has. */
export interface RequestContext<Native = unknown> {
  /** The value of the `Authorization` field, or a list of several. `null` or `undefined` if there is no field. */
  authorization: Credentials;
  /** The HTTP method, in upper case. */
  method?: string;
  /** The URL of the request, as the framework has it: absolute, or path and query. */
  url?: string;
  /** Returns the lines of a header field, and an empty list if there is none. */
  header?(name: string): readonly string[];
  /** The TLS client certificate of the caller, in DER. */
  clientCertificate?: Uint8Array | undefined;
  /** Aborted when the caller has disconnected. */
  signal?: AbortSignal | undefined;
  /** Keeps the runtime awake for work that continues after the response. */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** The framework's own request object, one for each request. Guards with the same one within 5 s share a response. */
  native?: Native;
}
