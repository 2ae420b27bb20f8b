import type { CommonFlags, Connection } from '../connection.js';
import { usage } from '../failure.js';
import { checkSecure } from '../http/json-request.js';
import type { Settings } from '../terminal/settings.js';
import { ManagementApi } from './management-api.js';

export interface ManagementFlags extends CommonFlags {
  org?: string;
  dryRun?: true;
}

/**
 * The management API, as the administrator of `ZITADEL_ADMIN_PAT`.
 *
 * @throws Failure before anything is sent, when the token is missing or may not be sent there
 */
export async function managementApiOf(
  settings: Settings,
  { org, dryRun }: ManagementFlags,
  { address, headers }: Connection,
): Promise<ManagementApi> {
  checkSecure(address, 'The issuer');
  const pat = await settings.secret('ZITADEL_ADMIN_PAT', "The administrator's personal access token");
  if (!isVisible(pat)) throw usage('ZITADEL_ADMIN_PAT is no personal access token: copy it again, without spaces');
  if (org !== undefined && !isVisible(org)) throw usage('--org must be the id of an organisation');
  return new ManagementApi({ address, pat, headers, organization: org, dryRun: dryRun === true });
}

/** Anything else would be refused as a header, in an error that shows it. */
function isVisible(value: string): boolean {
  return /^[\x21-\x7e]+$/.test(value);
}
