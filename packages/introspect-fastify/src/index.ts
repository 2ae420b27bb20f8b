export * from '@acme/introspect-core';
export {
  type HookReply,
  type HookRequest,
  type IntrospectExtras,
  type IntrospectOptions,
  introspect,
  introspect as default,
  introspectionOf,
  type SharedAuthorizer,
  type TokenHook,
} from './introspect.js';
