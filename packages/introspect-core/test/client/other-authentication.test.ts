import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type BearerAuthenticationOptions,
  bearerAuthentication,
  type ClientAuthentication,
  IntrospectionClient,
  noClientAuthentication,
} from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active());
});
afterEach(() => server.close());

const clientWith = (clientAuthentication: ClientAuthentication) =>
  new IntrospectionClient({ introspectionEndpoint: server.introspectionEndpoint, clientAuthentication });
const sent = () => server.introspections.map((request) => [request.field('authorization'), String(request.form)]);
const form = 'token=good&token_type_hint=access_token';

describe('bearerAuthentication', () => {
  it('sends a fixed token in the Authorization field, and nothing else', async () => {
    await clientWith(bearerAuthentication({ clientId: 'api', token: 'ory_pat_x.Y-9~+/==' })).introspect('good');
    expect(sent()).toEqual([[['Bearer ory_pat_x.Y-9~+/=='], form]]);
  });

  it('calls a function for each request, so that the token can be renewed', async () => {
    const token = vi.fn<() => string | Promise<string>>().mockReturnValueOnce('one').mockResolvedValueOnce('two');
    const client = clientWith(bearerAuthentication({ clientId: 'api', token }));
    expect(token).not.toHaveBeenCalled();
    await client.introspect('good');
    await client.introspect('good');
    expect(sent().map(([authorization]) => authorization)).toEqual([['Bearer one'], ['Bearer two']]);
  });

  it('fails the request as unavailable if the function returns no bearer token, without the value', async () => {
    for (const value of [undefined, '', 'undefined', 'canary canary', 'Bearer canary']) {
      const client = clientWith(bearerAuthentication({ clientId: 'api', token: () => value as string }));
      const error = await client.introspect('good').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'unavailable' });
      expect(String(error)).not.toContain('canary');
    }
    expect(sent()).toEqual([]);
  });

  it.each([
    ['', '"token" must not be empty: is an environment variable unset?'],
    ['undefined', '"token" must not be the string "undefined": is an environment variable unset?'],
    [
      'canary canary',
      '"token" must be a bearer token (RFC 6750 §2.1), without the word "Bearer" and without white space',
    ],
  ])('says what is wrong with %j from a function', async (value, message) => {
    const { apply } = bearerAuthentication({ clientId: 'api', token: () => value });
    const request = { headers: {}, body: new URLSearchParams() };
    const context = { endpoint: server.introspectionEndpoint, afterRejection: false };
    await expect(async () => apply(request, context)).rejects.toThrow(new TypeError(message));
  });

  it.each<[unknown, string]>([
    [undefined, '"clientId" must be a string that is not empty'],
    [{ token: 't' }, '"clientId" must be a string that is not empty'],
    [{ clientId: 'c' }, '"token" must be a string, or a function that returns one'],
    ...[undefined, '', 'undefined'].map((token): [unknown, string] => [
      { clientId: 'c', token },
      'is an environment variable unset?',
    ]),
    [{ clientId: 'c', token: 5 }, '"token" must be a string, or a function'],
    [{ clientId: 'c', token: 'Bearer canary' }, '"token" must be a bearer token (RFC 6750 §2.1), without the word'],
    [{ clientId: 'c', token: 'canary\n' }, '"token" must be a bearer token'],
    [{ clientId: 'c', token: 't', secret: 's' }, 'unknown option "secret"; known options: clientId, token'],
  ])('rejects invalid options, without the token in the message (%#)', (options, message) => {
    const create = () => bearerAuthentication(options as BearerAuthenticationOptions);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
    expect(create).toThrow(/^bearerAuthentication: ((?!canary).)*$/);
  });
});

describe('noClientAuthentication', () => {
  it('sends no credentials and no client id', async () => {
    await clientWith(noClientAuthentication()).introspect('good');
    await clientWith(noClientAuthentication({ clientId: 'api' })).introspect('good');
    expect(sent()).toEqual([
      [[], form],
      [[], form],
    ]);
  });

  it('has a client id for the cache, "anonymous" by default', () => {
    expect(noClientAuthentication().clientId).toBe('anonymous');
    expect(noClientAuthentication({ clientId: 'api' }).clientId).toBe('api');
  });

  it('rejects an empty client id and an unknown option', () => {
    expect(() => noClientAuthentication({ clientId: '' })).toThrow(
      'noClientAuthentication: "clientId" must be a string',
    );
    expect(() => noClientAuthentication({ secret: 's' } as never)).toThrow(
      'unknown option "secret"; known options: clientId',
    );
  });
});
