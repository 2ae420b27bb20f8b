import type { KeyObject } from 'node:crypto';

/** How long a token of a service user is active. */
export const tokenLifeSeconds = 43_199;

/** Something that the server does not know immediately after it was created. */
export interface Lagging {
  /** How many more lookups do not find it. Each of them counts down. */
  missesLeft: number;
}

/** A client secret, or a public key. */
export interface ZitadelCredential extends Lagging {
  readonly secret?: string;
  readonly key?: KeyObject;
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
}

/** An API app of a project. */
export interface ZitadelApp extends Lagging {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly method: 'basic' | 'key';
  /** One secret with the name `secret`, or keys by their ids. */
  readonly credentials: Map<string, ZitadelCredential>;
  active: boolean;
}

interface ZitadelRole extends Lagging {
  readonly key: string;
  readonly displayName: string;
}

/** A project with its roles and apps. */
export interface ZitadelProject extends Lagging {
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly projectRoleAssertion: boolean;
  readonly roles: Map<string, ZitadelRole>;
  readonly apps: Map<string, ZitadelApp>;
}

/** A service user, or a person. */
export interface ZitadelUser extends Lagging {
  readonly id: string;
  readonly userName: string;
  /** The name with which it authenticates. If the instance's policy says so, it ends with a domain. */
  readonly loginName: string;
  readonly name: string;
  readonly organization: string;
  /** The profile and the email address of a person. Absent for a service user. */
  readonly human?: object;
  /** Whether its access tokens are JWTs. */
  readonly hasJwts: boolean;
  active: boolean;
  credential?: ZitadelCredential;
}

/** The roles of one user in one project. */
export interface ZitadelGrant extends Lagging {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string;
  readonly organization: string;
  roleKeys: readonly string[];
}

/** An access token. */
export interface ZitadelToken {
  readonly id: string;
  readonly userId: string;
  readonly scope: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /**
   * A personal access token is active for every API of the instance, with that API's client id and project id in `aud`.
   */
  readonly personal: boolean;
  /** Only of a JWT: the origin that issued it. The token is active only there. */
  readonly origin?: string;
}

/** All objects of a scripted ZITADEL, by their ids. Tokens are by their own text. */
export interface ZitadelObjects {
  readonly projects: Map<string, ZitadelProject>;
  readonly users: Map<string, ZitadelUser>;
  readonly grants: Map<string, ZitadelGrant>;
  readonly tokens: Map<string, ZitadelToken>;
}

/** Makes one lookup of the object, and returns whether it is found. Counts `missesLeft` down if not. */
export function isKnown(object: Lagging): boolean {
  if (object.missesLeft === 0) return true;
  object.missesLeft -= 1;
  return false;
}

/** Returns whether a token is active under this origin for at least one API. */
export function isLive(token: ZitadelToken, users: ZitadelObjects['users'], origin: string): boolean {
  return users.get(token.userId)?.active === true && (token.origin === undefined || token.origin === origin);
}

/** Returns the members that a user has with the scope `profile`. */
export function profileOf({ name, loginName }: ZitadelUser): object {
  return { name, preferred_username: loginName, updated_at: 1_750_000_000 };
}
