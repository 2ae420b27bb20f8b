import { credentialProblem } from '../options.js';

/** @throws TypeError that names all credentials without a value, if there are several. The schema names a single one. */
export function checkValues(options: object): void {
  const names = ['issuer', 'clientId', 'clientSecret'].filter((name) => Object.hasOwn(options, name));
  const empty = names.filter((name) => credentialProblem(Reflect.get(options, name)) !== undefined);
  if (empty.length < 2) return;
  throw new TypeError(
    `IntrospectionClient: ${listed(empty.map(quoted))} have no value: are environment variables unset?`,
  );
}

type Presence = Partial<
  Record<
    'issuer' | 'introspectionEndpoint' | 'metadataUrl' | 'clientId' | 'clientSecret' | 'clientAuthentication',
    unknown
  >
>;

/** @throws TypeError that names each missing option: the server, and the credentials */
export function checkPresence(given: Presence): void {
  const { issuer, introspectionEndpoint, metadataUrl, clientAuthentication } = given;
  const needed = clientAuthentication === undefined ? (['clientId', 'clientSecret'] as const) : [];
  const missing = needed.filter((name) => given[name] === undefined).map(quoted);
  if (issuer === undefined && introspectionEndpoint === undefined && metadataUrl === undefined) {
    missing.unshift('"issuer" (or "introspectionEndpoint")');
  }
  if (missing.length === 0) return;
  const [are, them] = missing.length === 1 ? ['is', 'it'] : ['are', 'them'];
  throw new TypeError(
    `IntrospectionClient: ${listed(missing)} ${are} missing: pass ${them}, or use fromEnv() or another preset, which read ${them} from the environment`,
  );
}

const quoted = (name: string) => `"${name}"`;
const listed = (names: readonly string[]) => names.join(', ').replace(/, ([^,]*)$/, ' and $1');
