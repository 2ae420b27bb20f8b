import { undiciTransport } from '@acme/introspect-core/undici';
import { createApp } from './app.js';
import { transportCases } from './transport-cases.js';

declare const Deno: {
  readonly args: readonly string[];
  readonly version: { readonly deno: string };
  serve(
    options: { port: number; hostname: string; onListen(address: { port: number }): void },
    handler: (request: Request) => Response | Promise<Response>,
  ): { shutdown(): Promise<void> };
};

const undici = transportCases('undici', undiciTransport());
const app = createApp(JSON.parse(String(Deno.args[0])), () => server.shutdown(), undici);
const onListen = ({ port }: { port: number }) => console.log(JSON.stringify({ port, version: Deno.version.deno }));
const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen }, (request) => app.fetch(request));
