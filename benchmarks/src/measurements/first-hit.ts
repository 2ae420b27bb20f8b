// The number of introspection requests for one token that a thousand requests send at the same time.
import { Authorizer } from '@acme/introspect-core';
import { isQuick } from '../quick.js';
import { atMost, type Report } from '../report.js';
import { opaqueToken } from '../tokens.js';
import { serve, startWorker } from '../worker.js';

const requests = 1000;
const tokens = isQuick ? 3 : 20;

async function report(): Promise<Report> {
  const server = await startWorker('./workers/authorization-server.js');
  const options = {
    introspectionEndpoint: await server.get<string>('endpoint'),
    clientId: 'api',
    clientSecret: 'secret',
  };
  const rivals = {
    'with a cache': new Authorizer({ ...options, cache: { maxAgeSeconds: 60 } }),
    'without a cache': new Authorizer(options),
  };
  const rows: [name: string, introspections: number][] = [];
  for (const [name, authorizer] of Object.entries(rivals)) {
    let most = 0;
    for (let token = 0; token < tokens; token++) {
      const before = await server.get<number>('introspections');
      const guard = authorizer.guard();
      const header = `Bearer ${opaqueToken(token)}`;
      await Promise.all(Array.from({ length: requests }, () => guard(header)));
      most = Math.max(most, (await server.get<number>('introspections')) - before);
    }
    rows.push([name, most]);
  }
  server.end();
  const shown = (count: number) => `${count} introspection request${count === 1 ? '' : 's'}`;
  return {
    title: `The first hit of one token, ${requests} concurrent requests`,
    columns: ['', `introspection requests, the most for any of ${tokens} tokens`],
    rows: rows.map(([name, most]) => [name, String(most)]),
    goals: rows.map(([name, most]) => atMost(1, [most], name, shown)),
  };
}

serve({ report });
