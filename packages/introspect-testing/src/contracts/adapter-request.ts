import { request as httpRequest } from 'node:http';

export interface ContractRequest {
  method?: string;
  path: string;
  /** The field lines, in their order; a name may come twice. */
  fields?: readonly (readonly [name: string, value: string])[];
}

/** What an adapter must answer, to the byte. A field that is `undefined` must not be there. */
export interface ContractResponse {
  status: number;
  'www-authenticate': string | undefined;
  'cache-control': string | undefined;
  'retry-after': string | undefined;
  body: string;
}

/** Sends one request, field lines as they are given, and reads what the contract looks at. */
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
