import type { InactiveExplanation } from '../events/events.js';

/**
 * Returns a function that explains why a token may be inactive, for development and operation.
 *
 * It explains one token at a time, and ignores the tokens that come meanwhile. It never rejects, because a failed
 * explanation must not affect a request.
 */
export function explainer(
  explain: (token: string) => Promise<InactiveExplanation>,
  emit: (explanation: InactiveExplanation) => void,
): (token: string) => Promise<void> {
  let isBusy = false;
  return async (token) => {
    if (isBusy) return;
    isBusy = true;
    try {
      emit(await explain(token));
    } catch {
    } finally {
      isBusy = false;
    }
  };
}
