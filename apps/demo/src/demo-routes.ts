/** The routes that each demo has, and what a request needs there. */
export const demoRoutes = [
  { method: 'GET', path: '/public', needs: 'no token' },
  { method: 'GET', path: '/optional', needs: 'a valid token, or none' },
  { method: 'GET', path: '/me', needs: 'a valid token' },
  { method: 'GET', path: '/items', needs: 'scope items:read' },
  { method: 'POST', path: '/items', needs: 'scope items:write' },
  { method: 'GET', path: '/admin', needs: 'role admin' },
  { method: 'GET', path: '/recent', needs: 'a login in the last 300 seconds' },
  { method: 'GET', path: '/ready', needs: 'no token; 503 if introspection fails' },
  { method: 'GET', path: '/stats', needs: 'no token' },
  { method: 'GET', path: '/.well-known/oauth-protected-resource', needs: 'no token' },
] as const;
