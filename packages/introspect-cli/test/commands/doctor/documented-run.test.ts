import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../../../e2e/certificate.js';
import { introspectProcess } from '../../support/real-process.js';
import { apiOf, clientSecret, runDoctor } from '../../support/run-doctor.js';
import { startTlsFront, type TlsFront } from '../../support/tls-front.js';

const docs = fileURLToPath(new URL('../../../../../docs/', import.meta.url));
const block = /(?<=^```console\n)\$ npx @acme\/introspect-cli doctor\n.*?(?=^```$)/ms;

let folder: string;
let server: ScriptedServer;
let front: TlsFront;
let env: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'introspect-doctor-'));
  const certificate = await makeCertificate();
  const path = join(folder, 'ca.pem');
  writeFileSync(path, certificate.cert);
  server = await startScriptedServer({ clientSecret });
  front = await startTlsFront(server, certificate);
  env = { ...apiOf(front), NODE_EXTRA_CA_CERTS: path };
});
afterAll(async () => {
  await front.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Replaces the host, and what differs from run to run. */
function asDocumented(output: string): string {
  return output
    .replaceAll(front.origin, 'https://my-instance.zitadel.cloud')
    .replaceAll(new URL(front.origin).host, 'my-instance.zitadel.cloud:443')
    .replaceAll(/localhost is \S+(, \S+)*$/gm, 'my-instance.zitadel.cloud is 203.0.113.7')
    .replaceAll(/median \d+ ms, worst \d+ ms/g, 'median 21 ms, worst 48 ms');
}

describe('the documentation', () => {
  it('shows the output of introspect doctor; UPDATE_DOCS=1 updates it', async () => {
    const quoted = await runDoctor({ ...env, ZITADEL_CLIENT_SECRET: `"${clientSecret}"` }, [], introspectProcess);
    const right = await runDoctor(env, [], introspectProcess);
    expect([quoted.exitCode, right.exitCode]).toEqual([1, 0]);
    const printed = [quoted, right]
      .map(({ stdout }) => `$ npx @acme/introspect-cli doctor\n${asDocumented(stdout)}`)
      .join('\n');
    const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(docs, name))
      .filter((page) => block.test(readFileSync(page, 'utf8')));
    expect(pages).not.toEqual([]);
    for (const page of pages) {
      const text = readFileSync(page, 'utf8');
      if (process.env.UPDATE_DOCS)
        writeFileSync(
          page,
          text.replace(block, () => printed),
        );
      else expect(block.exec(text)?.[0]).toBe(printed);
    }
  });
});
