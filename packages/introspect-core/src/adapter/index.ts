export { checkPolicy, combinedPolicy, type Decision, type Denial, isDecided } from '@acme/introspect-core';
export {
  type AdapterOptions,
  type AuthorizerInput,
  type AuthorizerSource,
  adapterOptions,
  resourceMetadataOf,
  splitOptions,
} from './authorizer-source.js';
export { type NodeRequest, type NodeResponse, nodeRequestContext } from './node-request.js';
export { isHangUp, type NativeRequestContext, type Protect, protect } from './protect.js';
export { webRequestContext } from './web-request.js';
