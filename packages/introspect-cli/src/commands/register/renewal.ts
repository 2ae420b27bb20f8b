import { usage } from '../../failure.js';
import type { Renewal } from './registration.js';
import type { RegistrationRecord } from './registration-record.js';
import type { Survey, Wanted } from './survey.js';

/** Prompts for yes or no. Undefined without a terminal. */
export type Confirm = ((message: string) => Promise<boolean>) | undefined;

interface Candidate {
  readonly what: string;
  readonly id: string;
  /** Whether the env file already contains its credentials. */
  readonly isKnown: boolean;
  readonly recorded: { readonly id: string; readonly made: boolean } | undefined;
}

/**
 * Returns whether an existing app or service user gets new credentials. That ends its old secret, so the user must
 * confirm it, by `--rotate` or at the terminal. No confirmation is needed for what an interrupted run created: nobody has
 * its secret.
 *
 * @throws Failure if new ones are needed and the user did not confirm
 */
export async function renewalOf(
  { wanted, existing, record }: { wanted: Wanted; existing: Survey; record: RegistrationRecord | undefined },
  { rotate, confirm, isKnown }: { rotate: boolean; confirm: Confirm; isKnown: { app: boolean; serviceUser: boolean } },
): Promise<Renewal> {
  async function decide({ what, id, isKnown, recorded }: Candidate): Promise<boolean> {
    if (rotate) return true;
    if (!isKnown && record?.finished === false && recorded?.id === id && recorded.made) return true;
    const isWanted = await confirm?.(
      isKnown
        ? `The ${what} exists, and its credentials are in the env file. Create new ones?`
        : `The ${what} exists, and the server shows its secret only once. Create new credentials?`,
    );
    if (isWanted || isKnown) return isWanted === true;
    throw usage(
      `The ${what} already exists, and the server shows its secret only once`,
      'Use --rotate to create new credentials: an old secret stops working immediately, and an old key stays valid. Or choose another name.',
    );
  }

  return {
    app:
      existing.app !== undefined &&
      (await decide({ what: `app ${wanted.app}`, id: existing.app.id, isKnown: isKnown.app, recorded: record?.app })),
    serviceUser:
      existing.userId !== undefined &&
      (await decide({
        what: `service user ${wanted.serviceUser}`,
        id: existing.userId,
        isKnown: isKnown.serviceUser,
        recorded: record?.serviceUser,
      })),
  };
}
