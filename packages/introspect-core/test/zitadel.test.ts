import { describe, expectTypeOf, it } from 'vitest';
import type { ActiveToken, IntrospectionResponse } from '../src/index.js';
import type { ZitadelRoles } from '../src/zitadel.js';

/** Types alone: these tests fail in the type check. */
describe('the types of an answer', () => {
  it('narrow by `active`', () => {
    const answer = { active: false } as IntrospectionResponse;
    if (answer.active) expectTypeOf(answer).toEqualTypeOf<ActiveToken>();
    else expectTypeOf(answer).toEqualTypeOf<{ readonly active: false }>();
  });

  it('know the members of RFC 7662 and of OpenID Connect', () => {
    expectTypeOf<ActiveToken['exp']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<ActiveToken['aud']>().toEqualTypeOf<string | readonly string[] | undefined>();
    expectTypeOf<ActiveToken['email_verified']>().toEqualTypeOf<boolean | undefined>();
  });

  it('leave every other claim unknown', () => {
    expectTypeOf<ActiveToken['unheard_of']>().toBeUnknown();
  });

  it("know ZITADEL's claims, once they are imported", () => {
    expectTypeOf<ActiveToken['urn:zitadel:iam:org:project:roles']>().toEqualTypeOf<ZitadelRoles | undefined>();
    expectTypeOf<ActiveToken['urn:zitadel:iam:org:project:42:roles']>().toEqualTypeOf<ZitadelRoles | undefined>();
    expectTypeOf<ActiveToken['urn:zitadel:iam:user:resourceowner:id']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<ActiveToken['urn:zitadel:iam:action:flow:log']>().toEqualTypeOf<readonly string[] | undefined>();
  });

  it('are readonly', () => {
    const change = (token: ActiveToken) => {
      // @ts-expect-error an answer cannot be changed
      token.sub = 'another';
      // @ts-expect-error nor what is in it
      token['urn:zitadel:iam:org:project:roles'].admin = {};
    };
    expectTypeOf(change).toBeFunction();
  });
});
