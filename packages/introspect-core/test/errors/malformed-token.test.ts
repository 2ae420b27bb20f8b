import { startScriptedServer } from '@acme/introspect-testing';
import { expect, it } from 'vitest';
import { IntrospectionClient, InvalidTokenError } from '../../src/index.js';

const malformed = 'The access token is malformed';
const hint =
  'it begins with the scheme of an Authorization field; pass the token alone, which bearerToken() reads from the field';

it.each<[unknown, string]>([
  ['', malformed],
  [undefined, malformed],
  [['canary'], malformed],
  ['canary\ud800', malformed],
  ['Bearer canary', `${malformed}: ${hint}`],
  ['bearer\tcanary', `${malformed}: ${hint}`],
  ['DPoP canary', `${malformed}: ${hint}`],
])('introspect(%j) sends no request, and its error says what is wrong', async (token, message) => {
  const server = await startScriptedServer();
  const client = new IntrospectionClient({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
  const error = await client.introspect(token as string).catch((each) => each);
  expect(error).toBeInstanceOf(InvalidTokenError);
  expect(error).toMatchObject({ reason: 'malformed', message, stack: expect.stringContaining(message) });
  expect(error.body).toEqual({ error: 'invalid_token', error_description: malformed });
  expect(JSON.stringify([error.message, error.headers, error.body])).not.toContain('canary');
  expect(server.requests).toEqual([]);
  await server.close();
});

it.each(['Bearerish', 'Basic canary', 'a b'])('introspect(%j) sends the token as it is', async (token) => {
  const server = await startScriptedServer();
  const client = new IntrospectionClient({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
  expect(await client.introspect(token)).toEqual({ active: false });
  expect(server.introspections.map(({ form }) => form.get('token'))).toEqual([token]);
  await server.close();
});
