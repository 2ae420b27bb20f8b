// How often the server is asked about one token that a thousand requests bring at the same time.
import { Authorizer } from '@acme/introspect-core';
import { isQuick } from '../quick.js';
import { atMost, type Report } from '../report.js';
import { opaqueToken } from '../tokens.js';
import { answer, startWorker } from '../worker.js';

const requests = 1000;
const tokens = isQuick ? 3 : 20;

async function report(): Promise<Report> {
  const server = await startWorker('./workers/authorization-server.js');
  const options = {
    introspectionEndpoint: await server.ask<string>('endpoint'),
    clientId: 'api',
    clientSecret: 'secret',
  };
  const rivals = {
    'with a cache': new Authorizer({ ...options, cache: { maxAgeSeconds: 60 } }),
    'without a cache': new Authorizer(options),
  };
  const rows: [name: string, questions: number][] = [];
  for (const [name, authorizer] of Object.entries(rivals)) {
    let most = 0;
    for (let token = 0; token < tokens; token++) {
      const before = await server.ask<number>('questions');
      const guard = authorizer.guard();
      const header = `Bearer ${opaqueToken(token)}`;
      await Promise.all(Array.from({ length: requests }, () => guard(header)));
      most = Math.max(most, (await server.ask<number>('questions')) - before);
    }
    rows.push([name, most]);
  }
  server.end();
  const shown = (count: number) => `${count} question${count === 1 ? '' : 's'}`;
  return {
    question: `The first hit of one token, ${requests} at once`,
    columns: ['', `questions, the most for any of ${tokens} tokens`],
    rows: rows.map(([name, most]) => [name, String(most)]),
    goals: rows.map(([name, most]) => atMost(1, most, name, shown)),
  };
}

answer({ report });
