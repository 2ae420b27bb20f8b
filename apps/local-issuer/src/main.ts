import { parseArgs } from 'node:util';
import { basicCredentials } from './basic-credentials.js';
import { startLocalIssuer } from './local-issuer.js';

const { strict } = parseArgs({ options: { strict: { type: 'boolean', default: false } } }).values;
const local = await startLocalIssuer({ port: Number(process.env.PORT ?? 0), strict });
const { apiApp, serviceUsers } = local.configuration;

const [caller] = serviceUsers;
const scope = local.scopesOf().join(' ');

console.log(`Local issuer: ${local.issuer}${strict ? ', like a real ZITADEL: no scopes of your own' : ''}

The API introspects with
  client id      ${apiApp.clientId}
  client secret  ${apiApp.clientSecret}

Get a token as ${caller.username}, and introspect it as the API. The credentials are form-encoded for curl:

TOKEN=$(curl -s -u '${basicCredentials(caller.username, caller.clientSecret)}' -d grant_type=client_credentials \\
  --data-urlencode 'scope=${scope}' \\
  ${local.tokenEndpoint} | sed -E 's/.*"access_token":"([^"]+)".*/\\1/')
curl -s -u '${basicCredentials(apiApp.clientId, apiApp.clientSecret)}' --data-urlencode "token=$TOKEN" \\
  ${local.introspectionEndpoint}

Ctrl-C stops it.`);

// Only once: a second Ctrl-C ends the process immediately.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void local.close());
}
