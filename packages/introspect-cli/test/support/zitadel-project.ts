import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import {
  type ScriptedZitadel,
  type ScriptedZitadelOptions,
  startScriptedZitadel,
} from '@acme/introspect-testing/zitadel';
import { onTestFinished } from 'vitest';
import { type Ended, introspect } from './introspect.js';

export const adminToken = 'canary-admin-pat';

/** A scripted ZITADEL, and a folder in which the command runs. */
export interface ZitadelProject {
  zitadel: ScriptedZitadel;
  folder: string;
  env: Record<string, string>;
  run(...args: string[]): Promise<Ended>;
  file(name: string): string;
  variables(name?: string): Record<string, string | undefined>;
  mode(name: string): string;
  /** Changes when the file is replaced. */
  inode(name: string): number;
  write(name: string, content: string): void;
  files(): string[];
  has(name: string): boolean;
  /** The secrets that must never be shown. */
  secrets(): string[];
}

/** Starts one, and closes it after the test. */
export async function zitadelProject(options: ScriptedZitadelOptions = {}): Promise<ZitadelProject> {
  const zitadel = await startScriptedZitadel({ adminToken, ...options });
  const folder = mkdtempSync(join(tmpdir(), 'introspect-register-'));
  onTestFinished(async () => {
    rmSync(folder, { recursive: true });
    await zitadel.close();
  });
  const env = { ZITADEL_ADMIN_PAT: adminToken, ZITADEL_ISSUER: zitadel.origin };
  const file = (name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    zitadel,
    folder,
    env,
    file,
    run: (...args) => introspect(args, { cwd: folder, env }),
    variables: (name = '.env') => parseEnv(file(name)) as Record<string, string | undefined>,
    mode: (name) => (statSync(join(folder, name)).mode & 0o777).toString(8),
    inode: (name) => statSync(join(folder, name)).ino,
    write: (name, content) => writeFileSync(join(folder, name), content),
    files: () => readdirSync(folder).sort(),
    has: (name) => existsSync(join(folder, name)),
    secrets: () => {
      const { projects, users, tokens } = zitadel.objects;
      const apps = [...projects.values()].flatMap((project) => [...project.apps.values()]);
      const credentials = [
        ...apps.flatMap((app) => [...app.credentials.values()]),
        ...[...users.values()].flatMap(({ credential }) => credential ?? []),
      ];
      return [adminToken, 'PRIVATE KEY', ...tokens.keys(), ...credentials.flatMap(({ secret }) => secret ?? [])];
    },
  };
}

/** Creates a person with this user name, and returns the person's id. */
export async function addPerson({ zitadel }: ZitadelProject, userName: string): Promise<string> {
  const response = await fetch(`${zitadel.origin}/management/v1/users/human`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({
      userName,
      profile: { firstName: 'Mickey', lastName: 'Mouse' },
      email: { email: 'mickey@example.com' },
    }),
  });
  const { userId } = (await response.json()) as { userId: string };
  return userId;
}

/** The options with which the command creates {@link all}. */
export const everything = ['--project', 'shop', '--role', 'reader', '--role', 'writer=May write', '--service-user'];

/** Returns the names of everything that a scripted ZITADEL contains. */
export function held({ zitadel }: ZitadelProject) {
  const { projects, users, grants } = zitadel.objects;
  return {
    projects: [...projects.values()].map(({ name, roles, apps }) => ({
      name,
      roles: [...roles.keys()],
      apps: [...apps.values()].map((app) => app.name),
    })),
    users: [...users.values()].map(({ userName }) => userName),
    grants: [...grants.values()].map(({ roleKeys }) => roleKeys),
  };
}

export const all = {
  projects: [{ name: 'shop', roles: ['reader', 'writer'], apps: ['api'] }],
  users: ['shop-api'],
  grants: [['reader', 'writer']],
};
export const nothing = { projects: [], users: [], grants: [] };
