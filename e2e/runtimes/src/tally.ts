const mostLate = 3;

/** Counts the cases of one runtime. */
export class Tally {
  passes = 0;
  readonly failures: string[] = [];
  readonly #caseMs: number;
  #late = 0;

  constructor(caseMs: number) {
    this.#caseMs = caseMs;
  }

  /**
   * Runs a case within a time limit, so that a case that hangs does not stop the suite.
   *
   * @throws Error after the third case that hangs, so that the suite does not wait for all cases of a broken runtime
   */
  async count(name: string, run: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const signal = AbortSignal.timeout(this.#caseMs);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`not within ${this.#caseMs} ms`)));
    });
    try {
      await Promise.race([run(signal), late]);
      this.passes++;
    } catch (error) {
      this.failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
      if (signal.aborted && ++this.#late === mostLate) {
        throw new Error(`${mostLate} cases did not end in time: the others were not run`);
      }
    }
  }
}
