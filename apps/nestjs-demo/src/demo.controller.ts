import {
  type ActiveToken,
  Authorizer,
  IntrospectGuard,
  Introspection,
  isIntrospectionError,
  Public,
  RequireToken,
} from '@acme/introspect-nestjs';
import { Body, Controller, Get, HttpException, Inject, Post, Res, UseGuards } from '@nestjs/common';

const items = ['hammer', 'nail'];

/** The routes of the demo API. Each needs a token, except those with `@Public()`. */
@Controller()
@UseGuards(IntrospectGuard)
export class DemoController {
  constructor(@Inject(Authorizer) private readonly authorizer: Authorizer) {}

  @Get('public')
  @Public()
  public() {
    return { hello: 'everybody' };
  }

  @Get('optional')
  @RequireToken({ optional: true })
  optional(@Introspection() token: ActiveToken | null) {
    return { hello: token?.sub ?? 'stranger' };
  }

  @Get('me')
  me(@Introspection() token: ActiveToken) {
    return token;
  }

  @Get('items')
  @RequireToken({ scopes: ['items:read'] })
  list() {
    return { items };
  }

  @Post('items')
  @RequireToken({ scopes: ['items:write'] })
  create(@Body() body: { name?: unknown } | undefined) {
    return { created: String(body?.name ?? 'nameless') };
  }

  @Get('admin')
  @RequireToken({ anyRole: ['admin'] })
  admin() {
    return { hello: 'admin' };
  }

  @Get('recent')
  @RequireToken({ maxAuthenticationAgeSeconds: 300 })
  recent() {
    return { hello: 'you have just logged in' };
  }

  @Get('ready')
  @Public()
  async ready(@Res({ passthrough: true }) response: { header(name: string, value: string): unknown }) {
    try {
      await this.authorizer.ready();
      return { ready: true };
    } catch (error) {
      if (!isIntrospectionError(error)) throw error;
      for (const [name, value] of error.headers) response.header(name, value);
      throw new HttpException(error.body, error.status);
    }
  }

  @Get('stats')
  @Public()
  stats() {
    return this.authorizer.stats();
  }
}
