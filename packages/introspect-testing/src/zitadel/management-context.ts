import { randomBytes } from 'node:crypto';
import { type Body, ManagementError } from './management-messages.js';
import type { ZitadelCredential, ZitadelObjects, ZitadelProject } from './objects.js';

/** How the management API deviates from one that applies every change immediately. */
export interface ManagementBehavior {
  /** How many searches miss a new object. */
  searchLag: number;
  /** How often new credentials are rejected. */
  credentialsLag: number;
  /** What login names end with, after an `@`. */
  loginDomain: string | undefined;
  /** The first organisation. */
  organization: string;
  /** Whether searches show ZITADEL's own project. */
  listsOwnProject: boolean;
}

/** The parameters in the path of a request. */
export type Parameters = Readonly<Record<string, string>>;
/** Carries out one request, and returns the body of its response. */
export type Handler = (call: { parameters: Parameters; body: Body; organization: string }) => object;

/** What the routes share: the objects, new ids and secrets, and the part that many responses have. */
export class ManagementContext {
  readonly objects: ZitadelObjects;
  readonly behavior: ManagementBehavior;
  #ids = 300_000_000_000_000_000n;

  constructor(objects: ZitadelObjects, behavior: ManagementBehavior) {
    this.objects = objects;
    this.behavior = behavior;
  }

  newId(): string {
    return String(this.#ids++);
  }

  newSecret(): ZitadelCredential {
    return { secret: randomBytes(32).toString('base64url'), missesLeft: this.behavior.credentialsLag };
  }

  /** Returns the project of the path. Throws `ManagementError` if the organisation has no such project. */
  projectOf({ pid = '' }: Parameters, organization: string): ZitadelProject {
    const project = this.objects.projects.get(pid);
    if (project?.organization === organization) return project;
    throw new ManagementError(5, 'Project not found (QUERY-1m9sd)');
  }
}

/** Returns the member `details` of a response. */
export function details(organization: string): object {
  return { details: { sequence: '1', resourceOwner: organization } };
}
