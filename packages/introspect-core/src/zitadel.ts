/**
 * The claims that ZITADEL puts into an introspection response, added to `ActiveToken` by declaration merging:
 * `import '@acme/introspect-core/zitadel'` where they are read. Types alone; none of these claims is checked.
 */

/** Role → id of the organisation that granted it → that organisation's primary domain. */
export type ZitadelRoles = Readonly<Record<string, Readonly<Record<string, string>>>>;

declare module '@acme/introspect-core' {
  interface ActiveToken {
    /** Roles in the project of the API that asks. */
    readonly 'urn:zitadel:iam:org:project:roles'?: ZitadelRoles;
    readonly [rolesOfProject: `urn:zitadel:iam:org:project:${string}:roles`]: ZitadelRoles | undefined;
    /** The user's organisation; with the scope `urn:zitadel:iam:user:resourceowner`. */
    readonly 'urn:zitadel:iam:user:resourceowner:id'?: string;
    readonly 'urn:zitadel:iam:user:resourceowner:name'?: string;
    readonly 'urn:zitadel:iam:user:resourceowner:primary_domain'?: string;
    /** Key → value in base64url without padding; with the scope of that name. */
    readonly 'urn:zitadel:iam:user:metadata'?: Readonly<Record<string, string>>;
    readonly 'urn:zitadel:iam:org:id'?: string;
    readonly 'urn:zitadel:iam:org:domain:primary'?: string;
    readonly [actionLog: `urn:zitadel:iam:action:${string}:log`]: readonly string[] | undefined;
  }
}
