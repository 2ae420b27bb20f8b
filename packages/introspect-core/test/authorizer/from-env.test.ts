import { afterEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, clientSecretPost, fromEnv } from '../../src/index.js';

const env = {
  INTROSPECT_ISSUER: 'https://as.example',
  INTROSPECT_CLIENT_ID: 'api',
  INTROSPECT_CLIENT_SECRET: 'canary-secret',
};
const read = { issuer: 'https://as.example', clientId: 'api', clientSecret: 'canary-secret' };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe('fromEnv', () => {
  it('reads the options that are absent from process.env', () => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(fromEnv()).toEqual(read);
    expect(new Authorizer(fromEnv({ cache: { maxAgeSeconds: 60 } }))).toBeInstanceOf(Authorizer);
  });

  it('prefers options over variables, and a given environment over process.env', () => {
    vi.stubEnv('INTROSPECT_ISSUER', 'https://other.example');
    expect(fromEnv({ env, clientId: 'mine', realm: 'r' })).toEqual({ ...read, clientId: 'mine', realm: 'r' });
  });

  it('keeps options that are not enumerable', () => {
    const options = Object.defineProperty({ env }, 'audience', { value: 'items' });
    expect(fromEnv(options)).toEqual({ ...read, audience: 'items' });
  });

  it('reads the endpoint, with or without an issuer', () => {
    const endpoint = { INTROSPECT_ENDPOINT: 'https://as.example/introspect' };
    const { INTROSPECT_ISSUER: _, ...others } = env;
    expect(fromEnv({ env: { ...others, ...endpoint } })).toEqual({
      introspectionEndpoint: 'https://as.example/introspect',
      clientId: 'api',
      clientSecret: 'canary-secret',
    });
    expect(fromEnv({ env: { ...env, ...endpoint } })).toMatchObject({
      ...read,
      introspectionEndpoint: expect.any(String),
    });
  });

  it('names every missing variable at once, and counts an empty one as missing', () => {
    expect(() => fromEnv({ env: { INTROSPECT_CLIENT_ID: 'api', INTROSPECT_CLIENT_SECRET: '' } })).toThrow(
      new TypeError(
        'fromEnv: set the environment variables INTROSPECT_ISSUER or INTROSPECT_ENDPOINT, INTROSPECT_CLIENT_SECRET, ' +
          'or pass the options "issuer", "clientSecret"',
      ),
    );
    expect(() => fromEnv({ env: {} })).toThrow('INTROSPECT_CLIENT_ID, INTROSPECT_CLIENT_SECRET');
  });

  it('needs and reads no client id and secret beside clientAuthentication', () => {
    const clientAuthentication = clientSecretPost({ clientId: 'api', clientSecret: 's' });
    expect(fromEnv({ env, clientAuthentication })).toEqual({ issuer: 'https://as.example', clientAuthentication });
  });

  it('rejects an option that is inherited, because a copy would lose it', () => {
    class Options {
      get audience() {
        return 'api';
      }
    }
    expect(() => fromEnv(Object.assign(new Options(), { env }))).toThrow('fromEnv: "audience" is inherited');
  });

  it('counts a variable that the runtime does not permit to read as not set, and reads none that it does not need', () => {
    const get = () => {
      throw new Error('Requires env access');
    };
    const forbidden = new Proxy<Record<string, string>>({}, { get });
    expect(fromEnv({ ...read, env: forbidden })).toEqual(read);
    expect(() => fromEnv({ env: forbidden })).toThrow('fromEnv: set the environment variables INTROSPECT_ISSUER');
  });

  it('needs every option where there is no process', () => {
    vi.stubGlobal('process', undefined);
    expect(() => fromEnv()).toThrow('fromEnv: set the environment variables');
    expect(fromEnv(read)).toEqual(read);
  });
});
