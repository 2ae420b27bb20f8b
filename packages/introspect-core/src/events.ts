import type { ForgetKind } from './forget-marks.js';
import type { StoreOperation } from './stored-answers.js';

/** What happened, for logs and metrics. Never with a token, a secret, or what the server said. */
export type IntrospectEvent =
  /** An answer was used again. */
  | { readonly type: 'hit'; readonly active: boolean }
  /** None could be, and the server is asked. Only with a cache. */
  | { readonly type: 'miss' }
  /** A request joined a question that was running already. */
  | { readonly type: 'coalesced' }
  /** The server was unreachable, and an answer of this age served (`staleIfErrorSeconds`). */
  | { readonly type: 'stale'; readonly ageSeconds: number }
  /** A renewal in the background was answered. */
  | { readonly type: 'refreshed'; readonly active: boolean }
  /** A token known as active was called inactive, and then, asked again, was or was not (`believed`). */
  | { readonly type: 'flipped'; readonly believed: boolean }
  /** `forget` was called. */
  | { readonly type: 'forgotten'; readonly by: ForgetKind }
  /** The cache's `store` failed, or took too long; what it was for was done without it. */
  | { readonly type: 'store_failed'; readonly operation: StoreOperation };

export type EventListener = (event: IntrospectEvent) => void;

/** A listener that cannot fail what it listens to. */
export function harmless(listener: EventListener): EventListener {
  return (event) => {
    try {
      listener(event);
    } catch {
      // a request is not refused because a log could not be written
    }
  };
}
