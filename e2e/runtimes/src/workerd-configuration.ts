import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Writes what workerd needs to serve a module: a file in a folder of its own, which is gone at the end of this process.
 *
 * @param bindings the `env` of the Worker: a text, or an object that becomes JSON, for each name
 */
export async function workerdConfiguration(
  module: string,
  bindings: Readonly<Record<string, string | object>>,
  flags: readonly string[],
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'introspect-workerd-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // A worker is one file, bundled as wrangler does.
  await build({
    entryPoints: [module],
    outfile: join(folder, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    external: ['cloudflare:*'],
  });
  const bindingList = Object.entries(bindings).map(([name, value]) =>
    typeof value === 'string'
      ? `(name = "${name}", text = ${JSON.stringify(value)})`
      : `(name = "${name}", json = ${JSON.stringify(JSON.stringify(value))})`,
  );
  const file = join(folder, 'config.capnp');
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ( name = "worker",
      worker = (
        modules = [(name = "worker", esModule = embed "worker.js")],
        bindings = [${bindingList.join(', ')}],
        compatibilityDate = "2026-11-01",
        compatibilityFlags = ${JSON.stringify(flags)},
      ),
    ),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`,
  );
  return file;
}
