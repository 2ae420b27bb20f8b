/** Explains a token by its audience, as ZITADEL checks it. */
import type { Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { TokenExplanation } from '../explain/explanation.js';
import { quoted } from '../explain/wording.js';
import type { ExplainInactiveOptions } from './explain-options.js';

/** Explains a token whose audience names neither this API nor its project. */
export function explainAudience(
  { aud = [] }: Jwt['claims'],
  options: ExplainInactiveOptions,
): TokenExplanation | undefined {
  const { clientId, projectId } = options;
  if (namesApi(aud, options)) return undefined;
  const audience: readonly unknown[] = [aud].flat();
  const lacks = `lacks this API's client id ${quoted(clientId)}`;
  return {
    cause: 'audience_mismatch',
    message:
      projectId === undefined
        ? `Its audience ${quoted(audience)} ${lacks}; whether it names the project instead is unknown without "projectId".`
        : `Its audience ${quoted(audience)} ${lacks} and its project id ${quoted(projectId)}.`,
    advice: `Request it with ${scopeAdvice(options)} A login must go through an application of the project.`,
  };
}

/** Returns whether an audience names this API or its project. */
export function namesApi(aud: unknown, { clientId, projectId }: ExplainInactiveOptions): boolean {
  const audience: readonly unknown[] = [aud].flat();
  return audience.includes(clientId) || (projectId !== undefined && audience.includes(projectId));
}

/** Names the scope that puts this API's project into the audience of a token. Ends the sentence. */
export function scopeAdvice({ projectId = '<project id>' }: ExplainInactiveOptions): string {
  return `the scope urn:zitadel:iam:org:project:id:${projectId}:aud.`;
}
