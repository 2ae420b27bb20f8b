import type { IntrospectEvent, IntrospectEventListener } from './events.js';

const channelName = '@acme/introspect-core';

/**
 * Sends events to the listener `onEvent`, and to the channel `@acme/introspect-core` of `node:diagnostics_channel` if the
 * runtime has one.
 */
export class EventEmitter {
  readonly #listener: IntrospectEventListener | undefined;
  readonly #channel = globalThis.process?.getBuiltinModule?.('node:diagnostics_channel')?.channel(channelName);

  constructor(listener: IntrospectEventListener | undefined) {
    this.#listener = listener;
  }

  /** Whether `onEvent` or the channel listens. If not, code on the request path creates no event. */
  get hasListeners(): boolean {
    return this.#listener !== undefined || this.#channel?.hasSubscribers === true;
  }

  /** Emits an event. An error of the listener is ignored: no request may fail because a log cannot be written. */
  emit(event: IntrospectEvent): void {
    this.notify(event);
    this.#channel?.publish(event);
  }

  /** Whether the listener receives the event `decided`. */
  get receivesDecisions(): boolean {
    return this.#listener?.receivesDecisions === true;
  }

  /** Emits an event to the listener, but not on the channel. */
  notify(event: IntrospectEvent): void {
    try {
      const result: unknown = this.#listener?.(event);
      if (typeof result === 'object') Promise.resolve(result).catch(() => {});
    } catch {}
  }
}
