// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import {
  Authorizer,
  Introspection,
  IntrospectModule,
  introspectionOf,
  Public,
  RequireToken,
  type StandardSchema,
} from '@acme/introspect-nestjs';
import { Controller, type ExecutionContext, Get, Module } from '@nestjs/common';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;
const authorizer = new Authorizer({ ...server, claims: schema, scopes: ['a'] });

@Controller()
@RequireToken<typeof authorizer>({ scopes: ['a'] })
export class ItemsController {
  constructor(readonly auth: Authorizer) {}

  @Get('me')
  me(@Introspection('sub') sub: string | undefined): string | undefined {
    return sub;
  }

  @Get('public')
  @Public()
  open(): string {
    return 'open';
  }
}

@Module({ imports: [IntrospectModule.forRoot(server)], controllers: [ItemsController] })
export class AppModule {}

export function input(context: ExecutionContext): void {
  IntrospectModule.forRoot(authorizer);
  IntrospectModule.forRoot({ authorizer, isGlobal: false });
  IntrospectModule.forRootAsync({ useFactory: () => server });
  // @ts-expect-error the server and the credentials are missing
  IntrospectModule.forRoot({});
  // @ts-expect-error an unknown option
  IntrospectModule.forRoot({ ...server, onError: () => {} });
  const email: string = introspectionOf<typeof authorizer>(context).claims.email;
  // @ts-expect-error mistyped
  RequireToken<typeof authorizer>({ scopes: ['b'] });
  void email;
}

/** Authorizers with claims and vocabularies, in each form. */
export function sources(): void {
  const other = new Authorizer(server);
  IntrospectModule.forRoot(() => authorizer);
  IntrospectModule.forRoot({ authorizer: () => authorizer });
  IntrospectModule.forRoot(async ({ headers }) => (headers.host === 'a' ? authorizer : other));
  IntrospectModule.forRoot({ ...server, claims: schema, scopes: ['a'] });
  IntrospectModule.forRootAsync({ useFactory: () => authorizer });
  IntrospectModule.forRootAsync({ useFactory: async () => ({ authorizer }) });
  // @ts-expect-error an existing authorizer has its own options
  IntrospectModule.forRoot({ authorizer, realm: 'api' });
  RequireToken<typeof authorizer>(authorizer.policy({ scopes: ['a'] }, { check: ({ claims }) => !!claims.email }));
  // @ts-expect-error its check needs the claims of its authorizer: write RequireToken<typeof authorizer>
  RequireToken(authorizer.policy({ scopes: ['a'] }));
}
