// Responds to introspection requests as fast as Node can: on bare sockets, so that the client is the slower part.
import { createServer, type Socket } from 'node:net';
import { serve } from '../worker.js';
import { zitadelResponse } from '../zitadel-response.js';

const body = zitadelResponse(1);
const fields = 'content-type: application/json\r\ncontent-length:';
const active = Buffer.from(`HTTP/1.1 200 OK\r\n${fields} ${Buffer.byteLength(body)}\r\n\r\n${body}`);
const badRequest = Buffer.from(`HTTP/1.1 400 Bad Request\r\n${fields} 2\r\n\r\n{}`);
const credentials = `basic ${Buffer.from('api:secret').toString('base64')}`.toLowerCase();

let introspections = 0;

function handleSocket(socket: Socket): void {
  let received = '';
  socket.setNoDelay();
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    received += chunk;
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n') + 4;
      if (headEnd < 4) return;
      const head = received.slice(0, headEnd).toLowerCase();
      const requestEnd = headEnd + Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
      if (received.length < requestEnd) return;
      const form = received.slice(headEnd, requestEnd);
      received = received.slice(requestEnd);
      const isIntrospection =
        head.startsWith('post /introspect ') && head.includes(credentials) && form.includes('token=');
      if (isIntrospection) introspections++;
      socket.write(isIntrospection ? active : badRequest);
      if (head.includes('\r\nconnection: close')) socket.end();
    }
  });
}

const server = createServer(handleSocket);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  serve({ endpoint: () => `http://127.0.0.1:${port}/introspect`, introspections: () => introspections });
});
