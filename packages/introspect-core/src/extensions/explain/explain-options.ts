import type { PrefilterContext, Transport } from '@acme/introspect-core';

/** Which API received the token, and how to fetch the issuer's keys. */
export interface ExplainTokenOptions extends Partial<Pick<PrefilterContext, 'fetchKeys' | 'monotonicNow'>> {
  /** The issuer that this API trusts. */
  issuer: string | undefined;
  /** The client id of this API. */
  clientId: string;
  /**
   * The URL of the issuer's metadata document.
   *
   * @default the well-known places of the issuer
   */
  metadataUrl?: string | undefined;
  /**
   * Header fields of each request to the issuer, such as `x-forwarded-host`.
   *
   * @default {}
   */
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Sends the requests to the issuer.
   *
   * @default ofetchTransport
   */
  transport?: Transport | undefined;
  /**
   * Returns the time in milliseconds since the epoch.
   *
   * @default Date.now
   */
  now?: (() => number) | undefined;
}
