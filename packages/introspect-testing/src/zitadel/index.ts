export type { ZitadelApp, ZitadelObjects, ZitadelProject, ZitadelUser } from './objects.js';
export { type ScriptedZitadel, type ScriptedZitadelOptions, startScriptedZitadel } from './scripted-zitadel.js';
