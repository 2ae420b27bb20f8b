/**
 * Where the server is: `issuer`, `introspectionEndpoint`, or both.
 *
 * `issuer` may be read from the environment: its type accepts `undefined`. The constructor throws a TypeError for
 * `undefined`, `''` and the string `"undefined"`.
 */
export type ServerLocation = Discovered | Located;

interface Discovered {
  /**
   * The URL of the authorization server. Without `introspectionEndpoint`, the first request discovers the endpoint from
   * the issuer's metadata (OpenID Connect Discovery §4, RFC 8414 §3). Must be https, except on loopback.
   */
  issuer: string | undefined;
  /**
   * The URL of the issuer's metadata document (RFC 8414 §3), for example an internal address of a server whose `issuer` is
   * a public one. Needs the option `issuer`, which the document must name. The document also tells where the issuer's keys
   * are. Must be https, except on loopback.
   *
   * @default the well-known paths of `issuer`: OpenID Connect Discovery §4, then RFC 8414 §3
   */
  metadataUrl?: string;
  /** The URL of the introspection endpoint (RFC 7662 §2). Turns discovery off. Must be https, except on loopback. */
  introspectionEndpoint?: string;
}

interface Located extends Partial<Discovered> {
  introspectionEndpoint: string;
}
