import { exitCodes, Failure } from '../failure.js';
import type { JsonResponse } from '../http/json-request.js';

const maxMessageLength = 1000;

/** What to do about a failed call, by its status. */
const advice: Readonly<Record<number, string>> = {
  401: 'ZITADEL_ADMIN_PAT is wrong or has expired: create a new one, for a service user who is an administrator.',
  403: 'The user of ZITADEL_ADMIN_PAT lacks the permission: it must be an administrator of the organisation (ORG_OWNER), and --org must name one of its organisations.',
  404: 'Check that --issuer is the URL of the ZITADEL instance, and that nobody removed anything meanwhile.',
  429: 'The server limits requests: run the command again later.',
};

/**
 * A call to which ZITADEL's management API responded with an error. Includes the server's message: bounded, without
 * control characters, and without the personal access token.
 */
export class ManagementFailure extends Failure {
  /** The status, or 403 if a 404 means a missing permission. */
  readonly status: number;

  constructor(call: string, { status, value }: JsonResponse, pat: string) {
    const { message } = value ?? {};
    const said = typeof message === 'string' ? `: ${shown(message, pat)}` : '';
    // ZITADEL responds with 404 instead of 403 if the user of the token administrates nothing.
    const meant = status === 404 && said.includes('membership not found') ? 403 : status;
    super(exitCodes.failed, codeOf(meant), `${call} failed (${status})${said}`, advice[meant]);
    this.status = meant;
  }
}

function codeOf(status: number): string {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'permission_denied';
  return status >= 500 || status === 429 ? 'unavailable' : 'refused';
}

function shown(message: string, pat: string): string {
  return message
    .replaceAll(pat, '…')
    .replaceAll(/\p{C}+/gu, ' ')
    .slice(0, maxMessageLength);
}
