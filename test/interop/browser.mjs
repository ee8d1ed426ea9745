// Headless Chromium as the client of `strandcast serve`: a page opens WebSockets, as people's pages do.
//
//   browser.mjs STRANDCAST
//
// Where Chromium or playwright-core is missing this says so and exits with 77, which Meson counts as skipped.

import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const strandcast = process.argv[2];
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(77);
}

if (!chromium) skip('chromium is not installed');
const playwright = await import('playwright-core').catch(() => skip('playwright-core is not installed: npm ci in test/interop'));

function check(isSo, what) {
  if (!isSo) throw new Error(`not so: ${what}`);
}

const servers = [];

async function serve(...options) {
  const server = spawn(strandcast, ['serve', '--port', '0', '--rate-limit', 'off', ...options], {stdio: ['ignore', 'pipe', 'inherit']});
  servers.push(server);
  const lines = createInterface({input: server.stdout});
  const [line] = await once(lines, 'line');
  return line.split(' ').pop().replace('127.0.0.1', 'localhost');
}

async function end(server) {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  const [code] = await ended;
  check(code === 0, `serve ends with 0, and not with ${code}`);
}

// A page of one's own, on a port of its own: an origin.
async function site() {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>test</title>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

// What runs in the page: a client of the protocol, as short as one can be.
function pageClient() {
  window.connect = url => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const waiting = [], came = [];
    let lastId = 0;
    const next = () => came.length ? Promise.resolve(came.shift()) : new Promise(done => waiting.push(done));
    const peer = {
      socket,
      next,
      closed: new Promise(done => socket.addEventListener('close', end => done({code: end.code, reason: end.reason}))),
      say: (type, fields) => {
        const id = `page-${++lastId}`;
        socket.send(JSON.stringify({id, type, version: '1.0.0', timestamp: Date.now(), ...fields}));
        return id;
      },
      request: async (type, fields) => {
        const id = peer.say(type, fields);
        const answer = await next();
        if (answer.type !== 'ack' || answer.messageId !== id) throw new Error(JSON.stringify(answer));
      },
    };
    socket.addEventListener('message', message => {
      const one = JSON.parse(message.data);
      if (one.type === 'version-negotiation') return resolve(peer);
      waiting.length ? waiting.shift()(one) : came.push(one);
    });
    socket.addEventListener('error', () => reject(new Error('refused')));
  });
}

const cases = {
  async 'events come in order, large ones and such beyond ASCII'(page, {plain}) {
    const data = await page.evaluate(async url => {
      const listener = await connect(url), speaker = await connect(url);
      await listener.request('subscribe', {topics: ['browser.*']});
      for (let number = 0; number < 50; ++number)
        await speaker.request('publish', {topic: 'browser.a', data: {number, text: 'é世\u{1F30D}'.repeat(number * 100)}});
      for (let number = 0; number < 50; ++number) {
        const event = await listener.next();
        if (event.sequenceNumber !== number + 1 || event.data.number !== number ||
            event.data.text !== 'é世\u{1F30D}'.repeat(number * 100)) return event;
      }
      return 'all';
    }, plain);
    check(data === 'all', `the events come as they were sent: ${JSON.stringify(data)}`);
  },

  async 'compression is agreed on, and messages arrive'(page, {deflate}) {
    const extensions = await page.evaluate(async url => {
      const peer = await connect(url);
      await peer.request('subscribe', {topics: ['squeezed']});
      const text = 'the same again, '.repeat(5000);
      peer.say('publish', {topic: 'squeezed', data: text, broadcast: true});
      let event;
      do event = await peer.next(); while (event.type !== 'event');
      return event.data === text ? peer.socket.extensions : 'another text';
    }, deflate);
    check(extensions.startsWith('permessage-deflate'), `permessage-deflate and not '${extensions}'`);
  },

  async 'wss'(page, {secure}) {
    const kind = await page.evaluate(async url => {
      const peer = await connect(url);
      await peer.request('subscribe', {topics: ['safe']});
      return peer.socket.url.slice(0, 4);
    }, secure);
    check(kind === 'wss:', kind);
  },

  async 'a page reads why it is turned away'(page, {locked}) {
    const end = await page.evaluate(async url => {
      const peer = await connect(url);
      peer.say('auth', {token: 'wrong'});
      return peer.closed;
    }, locked);
    check(end.code === 1008 && end.reason === 'Authentication failed', JSON.stringify(end));
  },

  async 'a page that says goodbye gets it back'(page, {plain}) {
    const end = await page.evaluate(async url => {
      const peer = await connect(url);
      peer.socket.close(4000, 'enough');
      return peer.closed;
    }, plain);
    check(end.code === 4000, JSON.stringify(end));
  },

  async 'a binary message is refused with 1003'(page, {plain}) {
    const end = await page.evaluate(async url => {
      const peer = await connect(url);
      peer.socket.send(new Uint8Array([0, 1, 2]));
      return peer.closed;
    }, plain);
    check(end.code === 1003, JSON.stringify(end));
  },

  async 'a page from elsewhere is refused, unless it is named'(page, {plain, open}, elsewhere) {
    await page.goto(elsewhere);
    const attempt = url => page.evaluate(to => connect(to).then(() => 'connected', () => 'refused'), url);
    check(await attempt(plain) === 'refused', 'another host is another origin');
    check(await attempt(open) === 'connected', 'one that is named is let in');
  },

  async 'a server that goes says 1001'(page) {
    const url = await serve();
    const server = servers.at(-1);
    const ending = page.evaluate(to => connect(to).then(peer => {
      window.ready = true;
      return peer.closed;
    }), url);
    await page.waitForFunction(() => window.ready);
    server.kill('SIGTERM');
    const closed = await ending;
    check(closed.code === 1001 && closed.reason === 'Server shutting down', JSON.stringify(closed));
    servers.pop();
  },
};

const folder = mkdtempSync(join(tmpdir(), 'strandcast-browser-'));
const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
  '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate]);
if (made.status !== 0) skip('the openssl command is not installed');

const home = await site();
const port = home.address().port;
const elsewhere = `http://elsewhere.localhost:${port}`;
const urls = {
  plain: await serve(),
  deflate: await serve('--deflate'),
  secure: await serve('--tls-cert', certificate, '--tls-key', key),
  locked: await serve('--token', 'secret'),
  open: await serve('--allowed-origin', elsewhere),
};
const browser = await playwright.chromium.launch({
  executablePath: chromium,
  // Root has no sandbox of Chromium's; a bare machine has no large /dev/shm.
  args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server'],
});
const context = await browser.newContext({ignoreHTTPSErrors: true});
await context.addInitScript(pageClient);

let passed = 0, failed = 0;
for (const [name, run] of Object.entries(cases)) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  try {
    await page.goto(`http://localhost:${port}/`);
    await run(page, urls, elsewhere);
    ++passed;
  } catch (error) {
    ++failed;
    console.log(`FAILED: ${name}: ${error.message}`);
  }
  await page.close();
}
await browser.close();
home.close();
for (const server of servers) await end(server).catch(error => {
  ++failed;
  console.log(`FAILED: ${error.message}`);
});
rmSync(folder, {recursive: true});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
