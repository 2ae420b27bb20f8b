import { type Command, Option } from 'commander';
import { type AuthFlags, authMethods } from './client-authentication.js';
import {
  type CommonFlags,
  type Connection,
  connectionOf,
  instanceHostOf,
  issuerOf,
  withCommonFlags,
} from './connection.js';
import { usage } from './failure.js';
import { checkSecure } from './http/json-request.js';
import type { Settings } from './terminal/settings.js';
import { variables } from './variables.js';

/** The options of commands that introspect as an API, at any server. */
export interface ApiFlags extends CommonFlags, AuthFlags {
  introspectionEndpoint?: string;
  metadataUrl?: string;
  projectId?: string;
}

export function withApiFlags(command: Command): Command {
  return withCommonFlags(command, variables.issuer)
    .option('--introspection-endpoint <url>', 'Endpoint, if no metadata names it (INTROSPECT_ENDPOINT)')
    .option('--metadata-url <url>', "URL of the issuer's metadata, if it is elsewhere (INTROSPECT_METADATA_URL)")
    .addOption(
      new Option(
        '--auth <method>',
        'How the API authenticates (INTROSPECT_AUTH). Default: key with a key file, otherwise basic. basic-raw is basic without form encoding',
      ).choices(authMethods),
    )
    .option('--client-id <id>', 'Client id of the API (INTROSPECT_CLIENT_ID or ZITADEL_CLIENT_ID)')
    .option(
      '--key-file <path>',
      "Private key of the API: ZITADEL's key file, a PEM or a JWK (INTROSPECT_KEY_FILE or ZITADEL_KEY_FILE)",
    )
    .option('--key-id <id>', 'Key id (kid) of a PEM or a JWK, by which the server knows it (INTROSPECT_KEY_ID)')
    .option('--project-id <id>', 'Project id of the API, at ZITADEL (ZITADEL_PROJECT_ID)');
}

/** The server of an API, and where its endpoint is found. */
export interface ApiLocation {
  /** `undefined` if there is only the endpoint. */
  readonly connection: Connection | undefined;
  readonly instanceHost: string | undefined;
  /** Header fields of every request to the server. */
  readonly headers: Readonly<Record<string, string>>;
  /** The endpoint, if it is configured: no metadata is fetched. */
  readonly endpoint: string | undefined;
  /** The URL of the metadata, if it is configured. */
  readonly metadataUrl: string | undefined;
}

/**
 * Reads where the API introspects. A configured endpoint or metadata URL counts only if it comes from the place of the
 * issuer, or from one that overrides it: a file must not redirect the credentials of the environment.
 *
 * @param issuer the issuer, by default from the settings; `undefined` if there is none
 * @throws Failure naming the setting that is missing or invalid
 */
export function apiLocationOf(
  settings: Settings,
  flags: ApiFlags,
  issuer: string | undefined = givenIssuer(settings, flags),
): ApiLocation {
  const ofIssuer = (name: string | readonly string[]) =>
    flags.issuer ? undefined : settings.beside(variables.issuer, name);
  const instanceHost = instanceHostOf(settings, flags);
  // With an instance host, register's variable is the internal address, at which the issuer is still checked.
  const endpointNames = instanceHost === undefined ? variables.endpoint : variables.endpoint[0];
  const endpoint = secureUrl(
    flags.introspectionEndpoint || ofIssuer(endpointNames),
    '--introspection-endpoint (INTROSPECT_ENDPOINT)',
  );
  const metadataUrl = secureUrl(
    flags.metadataUrl || ofIssuer(variables.metadataUrl),
    '--metadata-url (INTROSPECT_METADATA_URL)',
  );
  if (endpoint !== undefined && metadataUrl !== undefined) {
    throw usage(
      '--introspection-endpoint and --metadata-url are both set',
      'Remove one of them: with the endpoint, no metadata is fetched.',
    );
  }
  if (issuer === undefined && endpoint !== undefined) {
    const headers = instanceHost === undefined ? {} : { 'x-zitadel-instance-host': instanceHost };
    return { connection: undefined, instanceHost, headers, endpoint, metadataUrl };
  }
  const known = issuer ?? settings.required(flags.issuer, '--issuer', variables.issuer, 'The issuer');
  const connection = connectionOf(settings, flags, known, variables.issuer);
  return { connection, instanceHost, headers: connection.headers, endpoint, metadataUrl };
}

function givenIssuer(settings: Settings, flags: ApiFlags): string | undefined {
  const issuer = settings.text(flags.issuer, variables.issuer);
  return issuer === undefined ? undefined : issuerOf(issuer);
}

/** @throws Failure that does not show the value, if secrets must not be sent there */
function secureUrl(url: string | undefined, what: string): string | undefined {
  if (url === undefined) return undefined;
  if (!URL.canParse(url)) throw usage(`${what} is not a URL`, 'It looks like https://as.example/oauth2/introspect');
  const { username, password } = new URL(url);
  if (username !== '' || password !== '') throw usage(`${what} contains a user name or a password`);
  checkSecure(url, what);
  return url;
}
