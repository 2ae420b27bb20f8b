import type { KeyObject } from 'node:crypto';

/** What its owner knows, and the server only after a while. */
export interface Lagging {
  /** How often it is still missed. */
  missed: number;
}

/** A secret, or a key. */
export interface ZitadelCredential extends Lagging {
  readonly secret?: string;
  readonly key?: KeyObject;
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
}

export interface ZitadelApp extends Lagging {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly method: 'basic' | 'key';
  /** One secret under the name `secret`, or keys under their ids. */
  readonly credentials: Map<string, ZitadelCredential>;
}

interface ZitadelRole extends Lagging {
  readonly key: string;
  readonly displayName: string;
}

export interface ZitadelProject extends Lagging {
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly projectRoleAssertion: boolean;
  readonly roles: Map<string, ZitadelRole>;
  readonly apps: Map<string, ZitadelApp>;
}

export interface ZitadelUser extends Lagging {
  readonly id: string;
  readonly userName: string;
  /** What it is called where it proves itself; with a policy of the instance, the user name and a domain. */
  readonly loginName: string;
  readonly name: string;
  readonly organization: string;
  /** Profile and email address of a person. A service user has none. */
  readonly human?: object;
  active: boolean;
  credential?: ZitadelCredential;
}

export interface ZitadelGrant extends Lagging {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string;
  readonly organization: string;
  roleKeys: readonly string[];
}

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
}

/** All that a scripted ZITADEL holds, by its ids; tokens by themselves. */
export interface ZitadelObjects {
  readonly projects: Map<string, ZitadelProject>;
  readonly users: Map<string, ZitadelUser>;
  readonly grants: Map<string, ZitadelGrant>;
  readonly tokens: Map<string, ZitadelToken>;
}

/** Whether this is known by now; each look brings it nearer. */
export function isKnown(thing: Lagging): boolean {
  if (thing.missed === 0) return true;
  thing.missed -= 1;
  return false;
}
