// A server of version 1.0.0 on the `ws` package, with the habits of servers in use: an auth is acked with the literal
// "auth", and an error has a fresh id; its `messageId` names the request, but for what is published on `mute.#`. Who
// publishes on `cut.others` loses everybody else their connections.
//   node ws_server.mjs TOKEN [deflate]         prints its URL, and ends when its standard input does
import { WebSocketServer } from 'ws';

const [token, deflate] = process.argv.slice(2);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: deflate ? { threshold: 0 } : false });
const clients = new Map();
const sequenceNumbers = new Map();
let lastId = 0;

function matches(pattern, topic) {
  const go = (p, t) => {
    if (p.length === 0) return t.length === 0;
    if (p[0] === '#') return go(p.slice(1), t) || (t.length > 0 && go(p, t.slice(1)));
    return t.length > 0 && (p[0] === '*' || p[0] === t[0]) && go(p.slice(1), t.slice(1));
  };
  return go(pattern.split('.'), topic.split('.'));
}

function send(socket, type, fields) {
  const id = `srv-${++lastId}`;
  // With space and a field that nobody knows, as other serializers and later versions may write.
  socket.send(JSON.stringify({ type, version: '1.0.0', id, timestamp: Date.now(), 'x-server': 'ws', ...fields }, null, 1));
}

const ack = (socket, messageId) => send(socket, 'ack', { messageId, success: true });

function refuse(socket, code, message, messageId) {
  send(socket, 'error', { code, message, ...(messageId && { messageId }) });
}

function publish(from, { id, topic, data, broadcast }) {
  if (/[*#]/.test(topic)) return refuse(from, 'PUBLISH_FAILED', 'No topic', id);
  if (topic.startsWith('mute.')) return refuse(from, 'PUBLISH_FAILED', 'Not here');
  const sequenceNumber = (sequenceNumbers.get(topic) ?? 0) + 1;
  sequenceNumbers.set(topic, sequenceNumber);
  for (const [socket, client] of clients) {
    if (socket === from && !broadcast) continue;
    if ([...client.topics].some((pattern) => matches(pattern, topic))) send(socket, 'event', { topic, data, sequenceNumber });
  }
  ack(from, id);
  if (topic === 'cut.others') for (const socket of clients.keys()) if (socket !== from) socket.terminate();
}

const handlers = {
  auth(socket, client, message) {
    client.authenticated = message.token === token;
    if (client.authenticated) return ack(socket, 'auth');
    refuse(socket, 'AUTHENTICATION_FAILED', 'Invalid credentials');
    socket.close(1008, 'Authentication failed');
  },
  subscribe(socket, client, { id, topics, patterns = [] }) {
    for (const topic of [...topics, ...patterns]) client.topics.add(topic);
    ack(socket, id);
  },
  unsubscribe(socket, client, { id, topics }) {
    for (const topic of topics) client.topics.delete(topic);
    ack(socket, id);
  },
  publish: (socket, client, message) => publish(socket, message),
  ping: (socket, client, { id, timestamp }) => send(socket, 'pong', { id, latency: Math.max(0, Date.now() - timestamp) }),
  'version-negotiation'() {},
};

server.on('connection', (socket) => {
  const client = { authenticated: false, topics: new Set() };
  clients.set(socket, client);
  send(socket, 'version-negotiation', { supportedVersions: ['1.0.0'] });
  socket.on('close', () => clients.delete(socket));
  socket.on('error', () => {});
  socket.on('message', (text) => {
    const message = JSON.parse(text.toString());
    if (message.version !== '1.0.0') return refuse(socket, 'UNSUPPORTED_VERSION', 'Only 1.0.0', message.id);
    if (message.type !== 'auth' && message.type !== 'version-negotiation' && !client.authenticated)
      return refuse(socket, 'AUTHENTICATION_FAILED', 'Not authenticated', message.id);
    const handler = handlers[message.type];
    if (!handler) return refuse(socket, 'INVALID_MESSAGE', 'Unknown type', message.id);
    handler(socket, client, message);
  });
});
server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
