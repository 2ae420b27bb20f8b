import { usage } from '../../failure.js';
import type { Renewal } from './registration.js';
import type { RegistrationRecord } from './registration-record.js';
import type { Survey, Wanted } from './survey.js';

/** Asks whoever sits at the terminal; absent where nobody does. */
export type Confirm = ((question: string) => Promise<boolean>) | undefined;

interface Found {
  readonly what: string;
  readonly id: string;
  /** Whether its credentials are in the env file already. */
  readonly isKnown: boolean;
  readonly noted: { readonly id: string; readonly made: boolean } | undefined;
}

/**
 * Whether what was found gets new credentials: the old secret ends with that, so it wants to be said, by `--rotate` or
 * at the terminal. For what an interrupted run made it need not: nobody was told its secret.
 *
 * @throws Failure when new ones are needed, and nobody said so
 */
export async function renewalOf(
  { wanted, there, record }: { wanted: Wanted; there: Survey; record: RegistrationRecord | undefined },
  { rotate, confirm, isKnown }: { rotate: boolean; confirm: Confirm; isKnown: { app: boolean; serviceUser: boolean } },
): Promise<Renewal> {
  async function decide({ what, id, isKnown, noted }: Found): Promise<boolean> {
    if (rotate) return true;
    if (!isKnown && record?.finished === false && noted?.id === id && noted.made) return true;
    const isWanted = await confirm?.(
      isKnown
        ? `The ${what} is there, and its credentials are in the env file. Make new ones?`
        : `The ${what} is there, and its secret is told only once. Make new credentials?`,
    );
    if (isWanted || isKnown) return isWanted === true;
    throw usage(
      `The ${what} is there already, and its secret is told only once`,
      'Give --rotate for new credentials: a secret ends with that at once, while an older key stays good. Or choose another name.',
    );
  }

  return {
    app:
      there.app !== undefined &&
      (await decide({ what: `app ${wanted.app}`, id: there.app.id, isKnown: isKnown.app, noted: record?.app })),
    serviceUser:
      there.userId !== undefined &&
      (await decide({
        what: `service user ${wanted.serviceUser}`,
        id: there.userId,
        isKnown: isKnown.serviceUser,
        noted: record?.serviceUser,
      })),
  };
}
