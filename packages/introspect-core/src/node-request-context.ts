import type { NativeRequestContext } from './adapter.js';

/** The part of a Node request (HTTP/1 or HTTP/2, or one that was injected) that is looked at. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[];
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly socket?: unknown;
}

/** The part of a Node response that tells when the caller has gone. */
export interface NodeResponse {
  readonly writableEnded: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * A Node request as a context. Field lines come from `rawHeaders`: `headers` hides that there were two.
 *
 * What is seldom needed (signal, certificate) is made when it is asked for.
 */
export function nodeRequestContext<Native>(
  request: NodeRequest,
  response: NodeResponse | undefined,
  native: Native,
): NativeRequestContext<Native> {
  const { rawHeaders, method = 'GET', url = '' } = request;
  const header = (name: string) =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
  let controller: AbortController | undefined;
  return {
    authorization: header('authorization'),
    method,
    url,
    header: (name) => header(name.toLowerCase()),
    native,
    get clientCertificate() {
      const { getPeerCertificate } = (request.socket ?? {}) as { getPeerCertificate?(): { raw?: Uint8Array } | null };
      return getPeerCertificate?.call(request.socket)?.raw;
    },
    get signal() {
      if (response === undefined) return undefined;
      if (controller === undefined) {
        const own = new AbortController();
        controller = own;
        response.once('close', () => {
          if (!response.writableEnded) own.abort(); // over HTTP/2, writableFinished is true all the same
        });
      }
      return controller.signal;
    },
  };
}
