import type { ManagementFlags } from '../../zitadel/management-access.js';
import type { AppMethod } from '../../zitadel/management-api.js';
import type { Role } from './survey.js';

/** The options of `introspect register`. */
export interface RegisterFlags extends ManagementFlags {
  project?: string;
  app: string;
  role?: readonly Role[];
  auth?: AppMethod;
  out: string;
  serviceUser?: string | true;
  force?: true;
  rotate?: true;
  undo?: true;
}
