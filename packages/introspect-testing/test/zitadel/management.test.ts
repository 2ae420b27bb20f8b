import { describe, expect, it } from 'vitest';
import { manage, patOf, serviceUser, start, zitadel } from './real-zitadel.js';

describe('the management API of a scripted ZITADEL', () => {
  it('responds with 404 to the personal access token of a user without any administrator role', async () => {
    const token = await patOf(await serviceUser());
    expect(await manage('POST', '/projects/_search', {}, token)).toEqual({
      status: 404,
      code: 5,
      message: 'membership not found (AUTHZ-cdgFk)',
      details: [
        { '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id: 'AUTHZ-cdgFk', message: 'membership not found' },
      ],
    });
    expect(await manage('GET', '/iam', undefined, token)).toMatchObject({ status: 200 });
  });

  it("names ZITADEL's own project, and lists it first with listsOwnProject", async () => {
    const { iamProjectId, defaultOrgId } = await manage('GET', '/iam');
    expect(defaultOrgId).toBe('100000000000000001');
    expect((await manage('POST', '/projects/_search', {})).result).toMatchObject([{ name: 'shop' }]);
    await zitadel.close();
    await start({ listsOwnProject: true });
    expect((await manage('POST', '/projects/_search', {})).result).toMatchObject([
      { name: 'ZITADEL', id: iamProjectId },
      { name: 'shop' },
    ]);
  });

  it('rejects a name that is taken, and one that is too long, with the message of a real server', async () => {
    expect(await manage('POST', '/projects', { name: 'shop' })).toEqual({
      status: 409,
      code: 6,
      message: 'Project already exists on organization (V3-DKcYh)',
      details: [
        {
          '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail',
          id: 'V3-DKcYh',
          message: 'Project already exists on organization',
        },
      ],
    });
    const queries = [{ nameQuery: { name: 'x'.repeat(201) } }];
    const { status, message } = await manage('POST', '/projects/_search', { queries });
    expect([status, message]).toEqual([
      400,
      'invalid ListProjectsRequest.Queries[0]: embedded message failed validation | ' +
        'caused by: invalid ProjectQuery.NameQuery: embedded message failed validation | ' +
        'caused by: invalid ProjectNameQuery.Name: value length must be at most 200 runes',
    ]);
  });

  it('says in a search whether a user is a person or a service user, and which kind of token it gets', async () => {
    await serviceUser('ACCESS_TOKEN_TYPE_JWT');
    const profile = { firstName: 'Mickey', lastName: 'Mouse' };
    await manage('POST', '/users/human', { userName: 'mickey', profile, email: { email: 'mickey@example.com' } });
    expect((await manage('POST', '/users/_search', {})).result).toEqual([
      expect.objectContaining({
        machine: { name: 'Robot', hasSecret: true, accessTokenType: 'ACCESS_TOKEN_TYPE_JWT' },
        preferredLoginName: 'robot',
      }),
      expect.objectContaining({ human: expect.anything(), preferredLoginName: 'mickey' }),
    ]);
  });
});
