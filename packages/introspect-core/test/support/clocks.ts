import { AgeClock } from '../../src/runtime/age-clock.js';

/** A wall clock and a monotonic clock that stand still until a test moves them. */
export class Clocks {
  wallMs = 1_750_000_000_000;
  monotonicMs = 5_000_000;

  readonly now = () => this.wallMs;
  readonly steadyNow = this.now;
  readonly monotonicNow = () => this.monotonicMs;
  readonly age = new AgeClock(this);

  /** Lets time pass by both clocks. */
  pass(seconds: number): void {
    this.wallMs += seconds * 1000;
    this.monotonicMs += seconds * 1000;
  }

  /** Sets the wall clock forward, or back if `seconds` is negative. The monotonic clock stays. */
  stepWall(seconds: number): void {
    this.wallMs += seconds * 1000;
  }

  /** Returns the time that is `seconds` from now, in seconds since 1970, as in a token's `exp`. */
  in(seconds: number): number {
    return this.wallMs / 1000 + seconds;
  }
}
