import type { IntrospectionClient } from '../client/introspection-client.js';
import { settingsOf } from '../client/introspection-client.js';
import { boundPrefilter, prefilterContext } from '../lookup/bound-prefilter.js';
import { explainer } from '../lookup/inactive-explanation.js';
import type { LookupEvent } from '../lookup/lookup-stats.js';
import { TokenLookup } from '../lookup/token-lookup.js';
import type { Expectations } from '../policy/prepared-policy.js';
import type { CheckedAuthorizerOptions } from './authorizer-options-schema.js';

/** Returns the lookup of an authorizer with these options. */
export function lookupOf(
  client: IntrospectionClient,
  { cache, prefilter, explainInactive }: CheckedAuthorizerOptions,
  expectations: Expectations,
  emit: (event: LookupEvent) => void,
): TokenLookup {
  const settings = settingsOf(client);
  const context = prefilterContext(settings, expectations, () => emit({ type: 'jwks_failed' }));
  return new TokenLookup(client, cache, {
    prefilter: prefilter && boundPrefilter(prefilter, { settings, context, emit }),
    prepare: expectations.claims?.prepare,
    onInactive:
      explainInactive &&
      explainer(
        (token) => explainInactive(token, context),
        (why) => emit({ type: 'inactive_explained', ...why }),
      ),
  });
}
