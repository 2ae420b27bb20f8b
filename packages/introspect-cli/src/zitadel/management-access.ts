import type { CommonFlags, Connection } from '../connection.js';
import { usage } from '../failure.js';
import { checkSecure } from '../http/json-request.js';
import type { Settings } from '../terminal/settings.js';
import { ManagementApi } from './management-api.js';
import { ManagementClient } from './management-client.js';

export interface ManagementFlags extends CommonFlags {
  org?: string;
  dryRun?: true;
}

/**
 * Returns the management API, for the administrator of `ZITADEL_ADMIN_PAT`. Sends no request.
 *
 * @throws Failure if the token is missing or must not be sent to this address
 */
export async function managementApiOf(
  settings: Settings,
  { org, dryRun }: ManagementFlags,
  { address, headers }: Connection,
): Promise<ManagementApi> {
  checkSecure(address, 'The issuer');
  const pat = await settings.secret('ZITADEL_ADMIN_PAT', "The administrator's personal access token");
  if (!isVisible(pat)) throw usage('ZITADEL_ADMIN_PAT is not a personal access token: copy it again, without spaces');
  if (org !== undefined && !isVisible(org)) throw usage('--org must be the id of an organisation');
  const client = new ManagementClient({ address, pat, headers, organization: org, dryRun: dryRun === true });
  return new ManagementApi(client);
}

/** `fetch` rejects other characters in a header, with an error that shows the value. */
function isVisible(value: string): boolean {
  return /^[\x21-\x7e]+$/.test(value);
}
