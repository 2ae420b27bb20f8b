import type { InactiveExplanation } from '../events/events.js';

/** Explains one token at a time, and leaves out those that come meanwhile: it is for development. */
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
      // what cannot be explained must harm nobody
    } finally {
      isBusy = false;
    }
  };
}
