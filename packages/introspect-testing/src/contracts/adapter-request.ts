import { request as httpRequest } from 'node:http';

/** A request to the API under test. */
export interface ContractRequest {
  /**
   * The HTTP method.
   *
   * @default "GET"
   */
  method?: string;
  /** The path, such as `/any`. */
  path: string;
  /** The header field lines, in order. A name may be there twice. */
  fields?: readonly (readonly [name: string, value: string])[];
}

/** The exact response of an adapter. A field that is `undefined` must be absent. */
export interface ContractResponse {
  /** The HTTP status. */
  status: number;
  /** The media type, without its parameters. */
  'content-type': string | undefined;
  /** The challenge (RFC 6750 §3). */
  'www-authenticate': string | undefined;
  /** `no-store` for a denial. */
  'cache-control': string | undefined;
  /** A number of seconds. */
  'retry-after': string | undefined;
  /** The body, decoded as UTF-8. */
  body: string;
}

/** Sends one request with exactly these field lines and `Host`. Returns the parts of the response that a contract checks. */
export function sendRequest(
  origin: string,
  { method = 'GET', path, fields = [] }: ContractRequest,
): Promise<ContractResponse> {
  return new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(origin);
    const lines = [['Host', host], ...fields].flat();
    const request = httpRequest({ hostname, port, method, path, headers: lines, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      resolve({
        status: response.statusCode ?? 0,
        'content-type': response.headers['content-type']?.replace(/;.*/, ''),
        'www-authenticate': response.headers['www-authenticate'],
        'cache-control': response.headers['cache-control'],
        'retry-after': response.headers['retry-after'],
        body,
      });
    });
    request.once('error', reject);
    request.end();
  });
}
