import {
  type AuthorizationError,
  Authorizer,
  type AuthorizerOptions,
  type IntrospectEvent,
  type Policy,
} from '@acme/introspect-core';
import { zitadel } from '@acme/introspect-core/zitadel';
import { assertEqual, rejection } from './assert.js';
import { patient, tokenFor } from './client-cases.js';
import type { RuntimeCase, Settings } from './runtime-case.js';

const onWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers';

function authorizerOf({ origin }: Settings, options: Partial<AuthorizerOptions> = {}): Authorizer {
  return new Authorizer({ issuer: origin, clientId: 'api', clientSecret: 'secret', ...patient, ...options });
}

const rejections: readonly [
  name: string,
  credentials: () => string | undefined,
  policy: Policy,
  code: string,
  status: number,
  headers: readonly (readonly [string, string])[],
][] = [
  [
    'no token',
    () => undefined,
    {},
    'missing_token',
    401,
    [
      ['WWW-Authenticate', 'Bearer realm="api"'],
      ['Cache-Control', 'no-store'],
    ],
  ],
  [
    'an inactive token',
    () => `Bearer ${tokenFor('inactive')}`,
    {},
    'invalid_token',
    401,
    [
      ['WWW-Authenticate', 'Bearer error="invalid_token", error_description="The access token is not active"'],
      ['Cache-Control', 'no-store'],
    ],
  ],
  [
    'a missing scope',
    () => `Bearer ${tokenFor('echo')}`,
    { scopes: ['items:write'] },
    'insufficient_scope',
    403,
    [
      [
        'WWW-Authenticate',
        'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
      ],
      ['Cache-Control', 'no-store'],
    ],
  ],
  [
    'a server that is busy',
    () => `Bearer ${tokenFor('down')}`,
    {},
    'unavailable',
    503,
    [
      ['Cache-Control', 'no-store'],
      ['Retry-After', '7'],
    ],
  ],
];

export const authorizerCases: readonly RuntimeCase[] = [
  {
    name: 'a good token passes, and its policy is checked',
    async run(settings) {
      const token = await authorizerOf(settings).authorize(`Bearer ${tokenFor('echo')}`, { scopes: ['items:read'] });
      assertEqual(token.sub, 'mickey');
    },
  },
  ...rejections.map(
    ([name, credentials, policy, code, status, headers]): RuntimeCase => ({
      name: `${name} gets ${status} and its headers`,
      async run(settings) {
        const error = await rejection(authorizerOf(settings).authorize(credentials(), policy));
        const rejected = error as unknown as AuthorizationError;
        assertEqual([rejected.code, rejected.status, rejected.headers], [code, status, headers]);
      },
    }),
  ),
  {
    name: 'a cached response is used again',
    async run(settings) {
      const authorizer = authorizerOf(settings, { cache: { maxAgeSeconds: 60 } });
      const credentials = `Bearer ${tokenFor('echo')}`;
      const tokens = [await authorizer.authorize(credentials), await authorizer.authorize(credentials)];
      assertEqual([tokens.map(({ count }) => count), authorizer.stats().lookups.cache_hit], [[1, 1], 1]);
    },
  },
  {
    name: 'an invalidated token is introspected again',
    async run(settings) {
      const authorizer = authorizerOf(settings, { cache: { maxAgeSeconds: 60 } });
      const token = tokenFor('echo');
      await authorizer.authorize(`Bearer ${token}`);
      await authorizer.invalidate({ token });
      assertEqual((await authorizer.authorize(`Bearer ${token}`)).count, 2);
    },
  },
  {
    name: 'a response that is due for refresh is served, and is refreshed through waitUntil',
    async run(settings) {
      const authorizer = authorizerOf(settings, { cache: { maxAgeSeconds: 60, refreshAfterSeconds: 0 } });
      const authorization = `Bearer ${tokenFor('echo')}`;
      await authorizer.authorize(authorization);
      const work: Promise<unknown>[] = [];
      const waitUntil = (promise: Promise<unknown>) => void work.push(promise);
      assertEqual([(await authorizer.authorize({ authorization, waitUntil })).count, work.length], [1, 1]);
      await Promise.all(work);
      assertEqual((await authorizer.authorize({ authorization, waitUntil })).count, 2);
      await Promise.all(work);
    },
  },
  ...(onWorkerd
    ? [] // a timer of one request does not run for others
    : [
        {
          name: 'the signal of a watch is aborted when its token has become inactive',
          async run(settings: Settings) {
            const authorizer = authorizerOf(settings, { cache: { maxAgeSeconds: 60 } });
            const token = tokenFor('first-only');
            const { signal } = await authorizer.watch({ token });
            assertEqual(signal.aborted, false);
            await authorizer.invalidate({ token });
            if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
            assertEqual([signal.reason.code, signal.reason.reason], ['invalid_token', 'inactive']);
          },
        },
        {
          name: 'a watch that goes on does not keep the process alive',
          async run(settings: Settings) {
            const watching = new Request('https://api.example/events', {
              headers: { authorization: `Bearer ${tokenFor('echo')}` },
            });
            const { token, signal } = await authorizerOf(settings).watch(watching, { scopes: ['items:read'] });
            assertEqual([token.sub, signal.aborted], ['mickey', false]); // the case after the last one sees that the process ends
          },
        },
      ]),
  {
    name: `twenty concurrent requests with one token ${onWorkerd ? 'are all introspected' : 'share one introspection request'}`,
    async run(settings) {
      const authorizer = authorizerOf(settings);
      const credentials = `Bearer ${tokenFor('echo')}`;
      const tokens = await Promise.all(Array.from({ length: 20 }, () => authorizer.authorize(credentials)));
      assertEqual(Math.max(...tokens.map(({ count }) => Number(count))), onWorkerd ? 20 : 1);
    },
  },
  {
    name: `requests above a limit ${onWorkerd ? 'are rejected immediately' : 'wait for a slot'}`,
    async run(settings) {
      const authorizer = authorizerOf(settings, { limits: { concurrent: 1 } });
      const requests = Array.from({ length: 5 }, () => authorizer.authorize(`Bearer ${tokenFor('echo')}`));
      const passed = (await Promise.allSettled(requests)).filter(({ status }) => status === 'fulfilled').length;
      assertEqual([passed, authorizer.stats().shed.limits], onWorkerd ? [1, 4] : [5, 0]);
    },
  },
  {
    name: 'the authorizer emits an event for an introspection request',
    async run(settings) {
      const emitted: IntrospectEvent['type'][] = [];
      const authorizer = authorizerOf(settings, { onEvent: ({ type }) => void emitted.push(type) });
      await authorizer.authorize(`Bearer ${tokenFor('echo')}`);
      assertEqual(emitted, ['introspected']);
    },
  },
  {
    name: "ZITADEL's options make an authorizer",
    async run({ origin }) {
      const options = zitadel({ issuer: origin, clientId: 'api', clientSecret: 'secret' });
      const authorizer = new Authorizer({ ...options, ...patient });
      assertEqual((await authorizer.authorize(`Bearer ${tokenFor('echo')}`)).sub, 'mickey');
    },
  },
];
