/** How a route is protected; each framework has some of these. */
export type Protection =
  | 'bare'
  | 'no-op, reads the header'
  | 'ours, opaque'
  | 'ours, JWT'
  | '@fastify/jwt with cache'
  | 'hono/jwt';

export interface ApiSettings {
  readonly protection: Protection;
  /** Of whoever signed the JWTs, for those who verify them. */
  readonly publicPem: string;
}

/** What `GET /hello` answers, however it is protected. */
export const hello = { hello: 'everybody' };
