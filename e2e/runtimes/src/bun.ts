import { undiciTransport } from '@acme/introspect-core/undici';
import { createApp } from './app.js';
import { assert, rejection } from './assert.js';
import type { RuntimeCase } from './runtime-case.js';

declare const Bun: {
  readonly version: string;
  serve(options: { fetch(request: Request): Response | Promise<Response>; port: number; hostname: string }): {
    readonly port: number;
    stop(): Promise<void>;
  };
};

/** `import 'undici'` gives Bun's own here, whatever is installed. */
const undici: RuntimeCase = {
  name: 'the transport by undici is refused where there is no undici',
  async run() {
    const error = await rejection(Promise.resolve().then(() => undiciTransport()));
    assert(error instanceof TypeError && error.message.includes('Bun'), 'a TypeError that says why');
  },
};
const app = createApp(JSON.parse(String(process.argv[2])), () => server.stop(), [undici]);
const server = Bun.serve({ fetch: (request) => app.fetch(request), port: 0, hostname: '127.0.0.1' });
console.log(JSON.stringify({ port: server.port, version: Bun.version }));
