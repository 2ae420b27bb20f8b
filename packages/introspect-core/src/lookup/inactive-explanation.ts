/** Why a token may be inactive, for whoever develops or operates an API; never for a caller. Holds no token. */
export interface InactiveExplanation {
  /** One of few words, such as `expired`. */
  readonly cause: string;
  /** One sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Explains one token at a time, and leaves out those that come meanwhile: it is for development. */
export function explainer(
  explain: (token: string) => Promise<InactiveExplanation>,
  tell: (explanation: InactiveExplanation) => void,
): (token: string) => Promise<void> {
  let isBusy = false;
  return async (token) => {
    if (isBusy) return;
    isBusy = true;
    try {
      tell(await explain(token));
    } catch {
      // what cannot be explained must harm nobody
    } finally {
      isBusy = false;
    }
  };
}
