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
} from './answers.js';
export { type ContractRequest, type ContractResponse, sendRequest } from './ask-api.js';
export { type Certificate, type CertificateOptions, makeCertificate } from './certificate.js';
export { type ContractCase, contractCases } from './contract.js';
export {
  type ContractApi,
  contractOptions,
  contractRoutes,
  holdEnd,
  type ResponseHold,
  responseHold,
} from './contract-api.js';
export { type FaultServer, startFaultServer } from './fault-server.js';
export { type HangUpCase, hangUpCases } from './hang-up-contract.js';
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './memory-store.js';
export type { RecordedRequest } from './recorded-request.js';
export { type ScriptedServer, type ScriptedServerOptions, startScriptedServer } from './scripted-server.js';
export { type ScriptedZitadel, type ScriptedZitadelOptions, startScriptedZitadel } from './scripted-zitadel.js';
export {
  type StoreContractCase,
  type StoreContractSetup,
  type StoreUnderTest,
  storeContractCases,
} from './store-contract.js';
export { likeZitadel, type ZitadelState, zitadelAnswers } from './zitadel.js';
export type { ZitadelApp, ZitadelObjects, ZitadelProject, ZitadelUser } from './zitadel-objects.js';
