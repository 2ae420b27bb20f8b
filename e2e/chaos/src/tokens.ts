import { randomUUID } from 'node:crypto';
import type { Kind } from './judge.js';
import type { Plan } from './plan.js';

/** The token of one request, and its kind. */
export interface Sample {
  readonly kind: Kind;
  readonly token: string | undefined;
}

/** Makes tokens of every kind. `active` holds the good ones until they are revoked. */
export class Tokens {
  readonly good: readonly string[];
  readonly #active: Map<string, { readonly sub: string }>;
  readonly #mortal: { token: string; revokedAt: number | undefined }[];
  readonly #mostRevoked: number;
  readonly #turns = { good: 0, mortal: 0 };

  constructor({ good, mortal }: Pick<Plan, 'good' | 'mortal'>, active: Map<string, { readonly sub: string }>) {
    this.#active = active;
    this.good = Array.from({ length: good }, () => this.#issue());
    this.#mortal = Array.from({ length: mortal.alive }, () => ({ token: this.#issue(), revokedAt: undefined }));
    this.#mostRevoked = mortal.revoked;
  }

  /** Returns the next token of a kind. */
  take(kind: keyof Plan['rates']): Sample {
    switch (kind) {
      case 'good':
        return { kind, token: this.good[this.#turns.good++ % this.good.length] };
      case 'mortal': {
        const mortal = this.#mortal[this.#turns.mortal++ % this.#mortal.length];
        return { kind: mortal?.revokedAt === undefined ? 'alive' : 'revoked', token: mortal?.token };
      }
      case 'unseen':
        return { kind, token: this.#issue() };
      case 'garbage':
        return { kind, token: randomUUID() };
      case 'none':
        return { kind, token: undefined };
    }
  }

  /** Revokes the oldest token that will be revoked, and issues another one in its place. */
  revokeOne(): void {
    const oldest = this.#mortal.find(({ revokedAt }) => revokedAt === undefined);
    if (oldest === undefined) return;
    oldest.revokedAt = performance.now();
    this.#active.delete(oldest.token);
    this.#mortal.push({ token: this.#issue(), revokedAt: undefined });
    if (this.#mortal.filter(({ revokedAt }) => revokedAt !== undefined).length > this.#mostRevoked)
      this.#mortal.shift();
  }

  /** Returns when a token was revoked, if it is revoked and still sent. */
  revokedAt(token: string): number | undefined {
    return this.#mortal.find((each) => each.token === token)?.revokedAt;
  }

  #issue(): string {
    const token = randomUUID();
    this.#active.set(token, { sub: token });
    return token;
  }
}
