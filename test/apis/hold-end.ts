import type { ServerResponse } from 'node:http';
import type { ResponseHold } from '@acme/introspect-testing';

/** Makes a response wait before its end, as middleware for sessions does on plain Node and on Express. */
export function holdEnd(response: ServerResponse, hold: Pick<ResponseHold, 'wait'>): void {
  const { end } = response;
  response.end = (...args: unknown[]) => {
    hold.wait().then(() => Reflect.apply(end, response, args));
    return response;
  };
}
