const mostLate = 3;

/** What the cases of one runtime came to. */
export class Tally {
  passes = 0;
  readonly failures: string[] = [];
  readonly #caseMs: number;
  #late = 0;

  constructor(caseMs: number) {
    this.#caseMs = caseMs;
  }

  /**
   * Runs a case, for so long and no longer: a runtime on which something hangs must not hold the others up.
   *
   * @throws Error when it was one too many that hung: on a runtime where all of them do, they are not all waited for
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
