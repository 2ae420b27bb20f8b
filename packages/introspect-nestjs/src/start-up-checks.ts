import { Authorizer } from '@acme/introspect-core';
import { type CanActivate, type Type, UseGuards } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { IntrospectGuard, type IntrospectRuntime } from './introspect-guard.js';
import { accessOf, chainOf, policiesOf } from './route-policies.js';

/** The metadata key of `@UseGuards()`: the releases of Nest export it from different places. */
const guardsKey = '__guards__';

/**
 * Checks the policies of all controllers, and of all providers such as resolvers, and that Nest will run no route without
 * the token that its `@RequireToken()` demands.
 *
 * @throws TypeError naming the class and the method
 */
export function checkApp(modules: ModulesContainer, runtime: IntrospectRuntime): void {
  for (const { controllers, providers, injectables } of modules.values()) {
    for (const wrapper of [...controllers.values(), ...providers.values(), ...injectables.values()]) {
      const properties = wrapper.getPropertiesMetadata()?.map((property) => property.wrapper) ?? [];
      const dependencies = [...(wrapper.getCtorMetadata() ?? []), ...properties];
      if (dependencies.some(({ token, instance }) => token === Authorizer && instance === undefined)) {
        throw new TypeError(
          `${wrapper.name} injects Authorizer, but a function chooses the authorizer of IntrospectModule for each request: call that function instead`,
        );
      }
      const { metatype } = wrapper;
      if (typeof metatype !== 'function' || !metatype.prototype) continue;
      checkClass(metatype as Type, wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined, runtime);
    }
  }
}

/** `instance` is the only one of the class; `undefined` if each request has one. */
function checkClass(controller: Type, instance: unknown, runtime: IntrospectRuntime): void {
  for (const name of new MetadataScanner().getAllMethodNames(controller.prototype)) {
    try {
      const problem = lostProtection(controller, name, instance);
      if (problem !== undefined) throw new TypeError(problem);
      const handler = controller.prototype[name];
      if (policiesOf(controller, handler).length > 0) runtime.routeOf(controller, handler);
    } catch (error) {
      throw new TypeError(`${controller.name}.${name}: ${Object(error).message}`, { cause: error });
    }
  }
}

/** Returns how a method has lost its protection, and what to do; `undefined` if it has not. */
function lostProtection(controller: Type, name: string, instance: unknown): string | undefined {
  const declarations = chainOf(controller.prototype).filter((each) => Object.hasOwn(each, name));
  const accesses = declarations.map((each) => {
    const method: unknown = Object.getOwnPropertyDescriptor(each, name)?.value;
    return accessOf(Object(method)) ?? accessOf(each, name);
  });
  const access = accesses.find((each) => each !== undefined);
  if (access === undefined || access === 'public') return undefined;

  const method: object = controller.prototype[name];
  const isProtected = (handler: object) => accessOf(handler) === access && guardsOf(handler).includes(IntrospectGuard);
  if (accesses[0] === undefined) {
    if (isDecorated(method) && policiesOf(controller, method).length === 0) {
      return 'the method overrides one that @RequireToken() protects, and has no policy itself; add @RequireToken() or @Public() to it';
    }
  } else if (!isProtected(method)) {
    return 'a decorator above @RequireToken() replaced the method, so nothing would guard it; put @RequireToken() above that decorator';
  } else if (instance !== undefined && !isProtected(Object(Object(instance)[name]))) {
    return 'each instance has a function of its own in place of the method, so @RequireToken() would not hold; do not bind or replace the method in the constructor';
  }
  // Only a call shows whether the constructor has replaced a method.
  if (instance === undefined && !guardsOf(controller).includes(unknownHandlerGuard)) {
    UseGuards(unknownHandlerGuard)(controller);
  }
  return undefined;
}

/** Throws at a call of a handler that may be a method with `@RequireToken()`, but has lost all decorators. */
const unknownHandlerGuard: CanActivate = {
  canActivate(context) {
    const handler = context.getHandler();
    if (isDecorated(handler)) return true; // also a handler that a tracing library wrapped
    throw new Error(
      `${context.getClass().name}: the handler "${handler.name}" has no decorators, so it may have lost its @RequireToken(); do not bind or replace methods in the constructor`,
    );
  },
};

const isDecorated = (handler: object) => Reflect.getOwnMetadataKeys(handler).length > 0;
const guardsOf = (place: object): unknown[] => Reflect.getMetadata(guardsKey, place) ?? [];
