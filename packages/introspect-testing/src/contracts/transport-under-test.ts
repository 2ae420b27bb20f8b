/** A transport to test. It has the same type as `Transport` of the core. */
export type TransportUnderTest = (request: {
  url: string;
  method: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
  maxResponseBytes: number;
}) => Promise<{ status: number; header(name: string): string | null; body: string }>;
