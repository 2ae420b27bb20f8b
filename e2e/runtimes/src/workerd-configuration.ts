import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Settings } from './runtime-case.js';

/** Writes what workerd needs to serve a module: a file in a folder of its own, which is gone at the end of this process. */
export async function workerdConfiguration(
  module: string,
  settings: Settings,
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
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
  const file = join(folder, 'config.capnp');
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ( name = "worker",
      worker = (
        modules = [(name = "worker", esModule = embed "worker.js")],
        bindings = [(name = "SETTINGS", json = embed "settings.json")],
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
