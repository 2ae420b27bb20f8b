import { ofetchTransport, type Transport } from '@acme/introspect-core';
import { sharesPromises } from '../runtime/workerd.js';

/** What `@acme/introspect-core/undici` exports. */
interface UndiciModule {
  undiciTransport(): Transport;
}

/**
 * Returns the default transport of adapters for Node: undici, which is loaded with the first request.
 *
 * The first request decides for all. ofetch, the default of the core, is used on another runtime, and if undici cannot be
 * loaded. It is also used if the app changed how Node's `fetch` connects: by a global dispatcher of undici, such as a
 * proxy or a mock, or by `NODE_USE_ENV_PROXY`.
 *
 * @param load imports `@acme/introspect-core/undici`. The adapter does it, so that bundles for other runtimes do not
 * contain undici.
 */
export function nodeTransport(load: () => Promise<UndiciModule>): Transport {
  let transport: Transport | Promise<Transport> | undefined;
  return async (request) => {
    transport ??= connectsAsUsual()
      ? load().then(
          ({ undiciTransport }) => undiciTransport(),
          () => ofetchTransport,
        )
      : ofetchTransport;
    return (await transport)(request);
  };
}

/** Returns whether this is Node, and the app changed nothing about the connections of `fetch`. */
function connectsAsUsual(): boolean {
  const { versions = {}, env = {} } = globalThis.process ?? {};
  const { node, bun, deno }: Readonly<Record<string, string | undefined>> = versions;
  const { NODE_USE_ENV_PROXY } = env;
  const isNode = node !== undefined && bun === undefined && deno === undefined && sharesPromises();
  return isNode && NODE_USE_ENV_PROXY !== '1' && !hasGlobalDispatcher();
}

interface Dispatcher {
  readonly constructor: { readonly name: string; readonly prototype: Dispatcher };
  readonly dispatch: unknown;
  readonly [options: symbol]: unknown;
}

/**
 * Returns whether the app has set a global dispatcher of its own. Node and undici set one by themselves: an `Agent`
 * without options. Any other one belongs to the app.
 */
function hasGlobalDispatcher(): boolean {
  const places = globalThis as { readonly [place: symbol]: Dispatcher | undefined };
  const dispatcher = places[Symbol.for('undici.globalDispatcher.2')] ?? places[Symbol.for('undici.globalDispatcher.1')];
  if (dispatcher === undefined) return false;
  const { name, prototype } = dispatcher.constructor;
  if (name !== 'Agent' || dispatcher.dispatch !== prototype.dispatch) return true; // compose() replaces dispatch
  const options = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === 'options');
  if (options === undefined) return true;
  return Object.values(Object(dispatcher[options])).some(
    (value) => value !== undefined && value !== Number.POSITIVE_INFINITY,
  );
}
