/** How a route is protected; each framework has some of these. */
export type Protection =
  | 'bare'
  | 'no-op, reads the header'
  | 'handler that reads the header'
  | 'ours, opaque'
  | 'ours, JWT'
  | 'ours, withToken, opaque'
  | 'ours, withToken, JWT'
  | '@fastify/jwt with cache'
  | 'hono/jwt';

export interface ApiSettings {
  readonly protection: Protection;
  /** The public key of the JWTs, for the libraries that verify them. */
  readonly publicPem: string;
}

/** The response body of `GET /hello`, with each protection. */
export const hello = { hello: 'everybody' };
