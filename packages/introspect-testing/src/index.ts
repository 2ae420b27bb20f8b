export {
  type ContractApi,
  type ContractServer,
  contractOptions,
  contractRoutes,
  holdEnd,
  type ResponseHold,
  responseHold,
} from './contracts/adapter-api.js';
export type { ContractCase } from './contracts/adapter-case.js';
export { contractCases } from './contracts/adapter-contract.js';
export { type ContractRequest, type ContractResponse, sendRequest } from './contracts/adapter-request.js';
export { type HangUpCase, hangUpCases } from './contracts/hang-up-contract.js';
export { type AdapterContractOptions, runAdapterContract } from './contracts/run-adapter-contract.js';
export type { StoreContractSetup } from './contracts/store-cases.js';
export { type StoreContractCase, storeContractCases } from './contracts/store-contract.js';
export type { RecordedRequest } from './http/recorded-request.js';
export {
  active,
  drip,
  gzipBomb,
  gzipped,
  hangBeforeHeaders,
  hangInBody,
  inactive,
  json,
  large,
  type ResponseParts,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  truncated,
} from './http/responses.js';
export { type StubSettings, type StubTokens, stubAuthorizer } from './kit/stub-authorizer.js';
export { type FaultServer, startFaultServer } from './server/fault-server.js';
export { type ScriptedServer, type ScriptedServerOptions, startScriptedServer } from './server/scripted-server.js';
export { likeZitadel, type ZitadelState, zitadelResponses } from './server/zitadel-introspection.js';
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './stores/memory-store.js';
