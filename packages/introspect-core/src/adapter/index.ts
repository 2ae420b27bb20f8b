export { checkPolicy, combinedPolicy, type Decision, type Denial, isDecided } from '@acme/introspect-core';
export {
  type AdapterExtras,
  type AdapterOptions,
  type AuthorizerInput,
  type AuthorizerOrChooser,
  type AuthorizerSource,
  adapterOptions,
  type ChooseAuthorizer,
  type OptionsOrAuthorizer,
  resourceMetadataOf,
  type SharedAuthorizer,
  splitOptions,
} from './authorizer-source.js';
export { type NodeRequest, type NodeResponse, nodeRequestContext } from './node-request.js';
export { type DenialResponse, sendDenial } from './node-response.js';
export { nodeTransport } from './node-transport.js';
export {
  expectOnlyPolicy,
  isHangUp,
  type NativeRequestContext,
  type Protect,
  protect,
  tokenOrThrow,
} from './protect.js';
export { type ResourceMetadata, requestedMetadata } from './resource-metadata.js';
export { denialResponse, type WebRuntime, webRequestContext } from './web-request.js';
