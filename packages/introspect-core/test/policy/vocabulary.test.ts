import { expect, it } from 'vitest';
import { preparePolicy } from '../../src/policy/prepared-policy.js';

const expectations = {
  challenge: {},
  rolesOf: () => [],
  scopes: ['items:read', 'items:write'],
  roles: ['admin', 'auditor'],
};

it.each([
  { scopes: ['items:read'] },
  { anyScope: ['items:write', 'items:read'], roles: ['admin'] },
  { anyOf: [{ anyRole: ['auditor'] }] },
  {},
])('a policy of known scopes and roles is accepted: %j', (policy) => {
  expect(() => preparePolicy(policy, expectations)).not.toThrow();
});

it.each([
  [
    { scopes: ['items:read', 'items:reed'] },
    '"scopes" has the unknown scope "items:reed"; the authorizer\'s "scopes" are: items:read, items:write; did you mean "items:read"?',
  ],
  [
    { anyScope: ['Items:Write'] },
    '"anyScope" has the unknown scope "Items:Write"; the authorizer\'s "scopes" are: items:read, items:write; did you mean "items:write"?',
  ],
  [{ roles: ['owner'] }, '"roles" has the unknown role "owner"; the authorizer\'s "roles" are: admin, auditor'],
  [
    { anyRole: ['admin', 'audtor'] },
    '"anyRole" has the unknown role "audtor"; the authorizer\'s "roles" are: admin, auditor; did you mean "auditor"?',
  ],
  [{ anyOf: [{ scopes: ['items:read'] }, { scopes: ['tems:read'] }] }, 'did you mean "items:read"?'],
])('a policy with an unknown value is a TypeError that names the closest one: %j', (policy, message) => {
  expect(() => preparePolicy(policy, expectations)).toThrow(message);
  expect(() => preparePolicy(policy, { challenge: {}, rolesOf: () => [] })).not.toThrow();
});
