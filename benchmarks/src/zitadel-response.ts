/** Returns a response of ZITADEL about a user's token: about 700 bytes of JSON. */
export function zitadelResponse(user: number): string {
  const id = String(265_123_456_789_000_000n + BigInt(user));
  const now = Math.floor(Date.now() / 1000);
  return JSON.stringify({
    active: true,
    scope: 'openid profile email offline_access urn:zitadel:iam:org:project:id:zitadel:aud',
    client_id: '265123456789012345@shop',
    token_type: 'Bearer',
    exp: now + 43_200,
    iat: now,
    nbf: now,
    sub: id,
    aud: ['265123456789012345', '265123456789012346'],
    iss: 'https://shop.example',
    jti: `V2_${id}-at_${id}`,
    username: `user-${id}@shop.example`,
    name: `Given ${user} Family`,
    given_name: `Given ${user}`,
    family_name: 'Family',
    locale: 'en',
    updated_at: now,
    email: `user-${id}@shop.example`,
    email_verified: true,
    'urn:zitadel:iam:org:project:roles': { reader: { [id]: 'shop.example' } },
  });
}
