import { lateAnswer, withDeadline } from './deadline.js';
import { InvalidTokenError } from './errors.js';
import {
  type IntrospectionClientOptions,
  type IntrospectionClientSettings,
  introspectionClientSettings,
} from './introspection-client-options.js';
import { sendIntrospectionRequest } from './introspection-request.js';
import { type IntrospectionResponse, readIntrospectionResponse } from './introspection-response.js';
import { type EndpointDiscovery, endpointDiscovery } from './server-metadata.js';

/** For the `Authorizer` alone, which goes by its client's clocks; nobody else can look into a client. */
export let settingsOf: (client: IntrospectionClient) => IntrospectionClientSettings;

/**
 * Asks an authorization server about tokens (RFC 7662). One question, one answer: nothing is cached, retried or judged;
 * whether an active token has expired, or is meant for another API, is for the caller to check.
 */
export class IntrospectionClient {
  static {
    settingsOf = (client) => client.#settings;
  }

  readonly #settings: IntrospectionClientSettings;
  readonly #endpoint: EndpointDiscovery;

  /**
   * Checks the options. The network is not touched, and the object is neither written to nor kept.
   *
   * @throws TypeError naming the option
   */
  constructor(options: IntrospectionClientOptions) {
    const settings = introspectionClientSettings(options);
    const { issuer = '', endpoint } = settings;
    this.#settings = settings;
    this.#endpoint = endpoint === undefined ? endpointDiscovery({ ...settings, issuer }) : async () => endpoint;
  }

  /**
   * Asks about one token and gives the server's answer.
   *
   * @throws InvalidTokenError (`malformed`) for an empty token, without a question
   * @throws UnavailableError, InvalidResponseError, InvalidClientError
   * @throws `signal.reason` when `signal` was aborted
   */
  async introspect(token: string, { signal }: { signal?: AbortSignal } = {}): Promise<IntrospectionResponse> {
    if (typeof token !== 'string' || token === '' || !token.isWellFormed()) throw new InvalidTokenError('malformed');
    const { timeoutMs, now } = this.#settings;
    return withDeadline({ timeoutMs, late: () => lateAnswer(this.#settings), signal }, async (signal) => {
      const endpoint = await this.#endpoint();
      signal.throwIfAborted();
      const response = await sendIntrospectionRequest(token, { endpoint, signal }, this.#settings);
      return readIntrospectionResponse(response, new URL(endpoint).origin, now);
    });
  }
}
