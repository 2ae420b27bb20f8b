declare module 'token-introspection' {
  export default function tokenIntrospection(options: {
    endpoint: string;
    client_id: string;
    client_secret: string;
  }): (token: string) => Promise<{ active: boolean }>;
}
