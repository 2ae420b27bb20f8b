/**
 * The member by which an authorizer is recognised. It is registered, because an application can hold two copies of this
 * package, such as its ESM and its CommonJS build.
 */
export const brand: unique symbol = Symbol.for('@acme/introspect-core/authorizer');
