// The `ws` package as a client: every case prints a line, and the last one counts them.
//   node ws_client.mjs URL TOKEN LIMITED_URL LEAVING_URL LEAVING_PID [deflate]
// With `deflate`, the servers compress, and so does this client; otherwise they decline its offer. Of the last two servers, which let everybody in, one takes 5 messages an hour, and one is asked to end.
import assert from 'node:assert/strict';
import WebSocket from 'ws';

const [url, token, limitedUrl, leavingUrl, leavingPid, deflate] = process.argv.slice(2);
let lastId = 0;

/// A connection whose messages are read one after another.
class Peer {
  static async open(to = url) {
    const peer = new Peer();
    peer.socket = new WebSocket(to, { perMessageDeflate: { threshold: 0 } });
    peer.texts = [];
    peer.waiting = [];
    peer.closed = new Promise((resolve) => {
      peer.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    peer.socket.on('error', () => {});
    peer.socket.on('message', (data, isBinary) => {
      assert(!isBinary);
      peer.texts.push(data.toString());
      peer.waiting.shift()?.();
    });
    await new Promise((resolve, reject) => {
      peer.socket.on('open', resolve);
      peer.socket.on('error', reject);
    });
    return peer;
  }

  static async authenticated() {
    const peer = await Peer.open();
    await peer.next();
    const id = peer.send('auth', { token });
    assert.equal((await peer.next()).messageId, id);
    return peer;
  }

  send(type, fields = {}) {
    const id = `test-${++lastId}`;
    this.socket.send(JSON.stringify({ id, type, version: '1.0.0', timestamp: Date.now(), ...fields }));
    return id;
  }

  async nextText() {
    while (this.texts.length === 0) await new Promise((resolve) => this.waiting.push(resolve));
    return this.texts.shift();
  }

  async next() {
    return JSON.parse(await this.nextText());
  }

  /// All that the server sent before an event of this peer's own. Events keep their order, and answers come no later
  /// than the events behind them.
  async fence() {
    if (!this.fenceTopic) {
      this.fenceTopic = `fence.${++lastId}`;
      await this.request('subscribe', { topics: [this.fenceTopic] });
    }
    const id = this.send('publish', { topic: this.fenceTopic, broadcast: true });
    const before = [];
    for (let [acked, reached] = [false, false]; !acked || !reached; ) {
      const message = await this.next();
      if (message.messageId === id) acked = true;
      else if (message.topic === this.fenceTopic) reached = true;
      else before.push(message);
    }
    return before;
  }

  async request(type, fields) {
    const id = this.send(type, fields);
    const answer = await this.next();
    assert.equal(answer.type, 'ack');
    assert.equal(answer.messageId, id);
    assert.equal(answer.success, true);
  }

  close() {
    this.socket.close();
    return this.closed;
  }
}

async function expectRefusal(peer, text, code, id) {
  peer.socket.send(text);
  const error = await peer.next();
  assert.equal(error.type, 'error');
  assert.equal(error.code, code);
  assert.equal(typeof error.message, 'string');
  if (id) {
    assert.equal(error.id, id);
    assert.equal(error.messageId, id);
  } else {
    assert.equal(error.messageId, undefined);
  }
}

const envelope = (fields) => JSON.stringify({ id: 'x', type: 'ping', version: '1.0.0', timestamp: 1, ...fields });

const cases = {
  'the server says first which versions it speaks': async () => {
    const peer = await Peer.open();
    const first = await peer.next();
    assert.equal(first.type, 'version-negotiation');
    assert(first.supportedVersions.includes('1.0.0'));
    await peer.close();
  },
  'a request before auth is refused, and the connection stays': async () => {
    const peer = await Peer.open();
    await peer.next();
    const id = peer.send('subscribe', { topics: ['a'] });
    const error = await peer.next();
    assert.equal(error.code, 'AUTHENTICATION_FAILED');
    assert.equal(error.message, 'Not authenticated');
    assert.equal(error.id, id);
    assert.equal(error.messageId, id);
    await peer.request('auth', { token });
    await peer.close();
  },
  'a wrong token is refused and the connection closed with 1008': async () => {
    const peer = await Peer.open();
    await peer.next();
    const id = peer.send('auth', { token: 'wrong' });
    const error = await peer.next();
    assert.equal(error.code, 'AUTHENTICATION_FAILED');
    assert.equal(error.message, 'Invalid credentials');
    assert.equal(error.id, id);
    assert.deepEqual(await peer.closed, { code: 1008, reason: 'Authentication failed' });
  },
  'a pattern gets the events of its topics, numbered, with data as it was written': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await listener.request('subscribe', { topics: ['ws.*.status', 'ws.#'] });
    const data = '{"a":1.50,"b":12345678901234567890,"c":"\\u00e9\\ud800"}';
    for (let number = 1; number <= 3; ++number) {
      speaker.socket.send(`{"id":"p${number}","type":"publish","version":"1.0.0","timestamp":1,"topic":"ws.7.status","data":${data}}`);
      assert.equal((await speaker.next()).messageId, `p${number}`);
      const text = await listener.nextText();
      const event = JSON.parse(text);
      assert.equal(event.type, 'event');
      assert.equal(event.topic, 'ws.7.status');
      assert.equal(event.sequenceNumber, number);
      assert(text.includes(`"data":${data}`), text);
    }
    assert.deepEqual(await listener.fence(), []);
    assert.deepEqual(await speaker.fence(), []);
    await listener.close();
    await speaker.close();
  },
  'a publish comes back to its publisher with broadcast alone': async () => {
    const peer = await Peer.authenticated();
    await peer.request('subscribe', { topics: ['ws.own'] });
    await peer.request('publish', { topic: 'ws.own', data: 1 });
    assert.deepEqual(await peer.fence(), []);
    peer.send('publish', { topic: 'ws.own', data: 2, broadcast: true });
    // In either order, and a pong may overtake the event: it answers, the event is delivered.
    const types = [(await peer.next()).type, (await peer.next()).type].sort();
    assert.deepEqual(types, ['ack', 'event']);
    assert.deepEqual(await peer.fence(), []);
    await peer.close();
  },
  'an event without data has none, and null is data': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await listener.request('subscribe', { topics: ['ws.data'] });
    await speaker.request('publish', { topic: 'ws.data' });
    await speaker.request('publish', { topic: 'ws.data', data: null });
    assert(!('data' in (await listener.next())));
    assert.equal((await listener.next()).data, null);
    await listener.close();
    await speaker.close();
  },
  'nothing comes after an unsubscribe': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await listener.request('subscribe', { topics: ['ws.off'] });
    await listener.request('unsubscribe', { topics: ['ws.off', 'ws.never'] });
    await speaker.request('publish', { topic: 'ws.off', data: 1 });
    assert.deepEqual(await listener.fence(), []);
    await listener.close();
    await speaker.close();
  },
  'a ping gets its pong with the way it took, and a WebSocket ping its payload': async () => {
    const peer = await Peer.authenticated();
    const id = peer.send('ping');
    const pong = await peer.next();
    assert.equal(pong.type, 'pong');
    assert.equal(pong.id, id);
    assert(pong.latency >= 0);
    const payload = await new Promise((resolve) => {
      peer.socket.on('pong', resolve);
      peer.socket.ping('payload');
    });
    assert.equal(payload.toString(), 'payload');
    await peer.close();
  },
  'a message that is none is refused, and the connection stays': async () => {
    const peer = await Peer.authenticated();
    await expectRefusal(peer, 'no JSON', 'INVALID_MESSAGE');
    await expectRefusal(peer, '[1]', 'INVALID_MESSAGE');
    await expectRefusal(peer, envelope({ id: '' }), 'INVALID_MESSAGE');
    await expectRefusal(peer, envelope({ timestamp: undefined }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ timestamp: 'now' }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ timestamp: 0 }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ type: 'unknown' }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ type: 'event', topic: 'a' }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ type: 'subscribe', topics: 'a' }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ type: 'publish' }), 'INVALID_MESSAGE', 'x');
    await expectRefusal(peer, envelope({ version: '9.9.9' }), 'UNSUPPORTED_VERSION', 'x');
    await expectRefusal(peer, envelope({ type: 'subscribe', topics: ['a.b*'] }), 'SUBSCRIPTION_FAILED', 'x');
    await expectRefusal(peer, envelope({ type: 'publish', topic: 'a.*' }), 'PUBLISH_FAILED', 'x');
    assert.deepEqual(await peer.fence(), []);
    await peer.close();
  },
  'what breaks the protocol ends one connection and no other': async () => {
    const witness = await Peer.authenticated();
    const ends = [
      [1003, (peer) => peer.socket.send(Buffer.from([1, 2, 3]))],
      [1009, (peer) => peer.socket.send('x'.repeat(70 * 1024))],
      [1002, (peer) => peer.socket.send('unmasked', { mask: false })],
    ];
    for (const [code, offend] of ends) {
      const peer = await Peer.authenticated();
      offend(peer);
      assert.equal((await peer.closed).code, code);
      assert.deepEqual(await witness.fence(), []);
    }
    await witness.close();
  },
  'who needs no token is served at once, and its auth is acked all the same': async () => {
    const peer = await Peer.open(limitedUrl);
    await peer.next();
    await peer.request('subscribe', { topics: ['open'] });
    await peer.request('auth', { token: 'any', metadata: { name: 'x' } });
    await peer.close();
  },
  'over the rate limit a request is refused by its id, and the connection stays': async () => {
    const [peer, other] = [await Peer.open(limitedUrl), await Peer.open(limitedUrl)];
    await peer.next();
    await other.next();
    await peer.request('subscribe', { topics: ['limited'] });
    for (let count = 0; count < 4; ++count) await peer.request('publish', { topic: 'limited', data: count });
    for (const [type, fields] of [['publish', { topic: 'limited' }], ['ping', {}], ['nothing', {}]]) {
      const id = peer.send(type, fields);
      const error = await peer.next();
      assert.equal(error.code, 'RATE_LIMIT_EXCEEDED');
      assert.equal(error.id, id);
      assert.equal(error.messageId, id);
      assert(!('retryAfter' in error) && !('retriable' in error));
    }
    // The limit is each client's own, and does not hold up what comes.
    await other.request('publish', { topic: 'limited', data: 'heard' });
    assert.equal((await peer.next()).data, 'heard');
    await peer.close();
    await other.close();
  },
  'two lists of topics are one, and an empty one is acked': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await listener.request('subscribe', { topics: [] });
    await listener.request('unsubscribe', { topics: [] });
    await listener.request('subscribe', { topics: ['both.a'], patterns: ['both.*'] });
    await speaker.request('publish', { topic: 'both.b', data: 1 });
    await speaker.request('publish', { topic: 'both.a', data: 2 });
    assert.equal((await listener.next()).topic, 'both.b');
    assert.equal((await listener.next()).topic, 'both.a');
    assert.deepEqual(await listener.fence(), []);
    await listener.close();
    await speaker.close();
  },
  'a version that was selected and is 1.0.0 or none gets no answer, another is refused': async () => {
    const peer = await Peer.authenticated();
    peer.send('version-negotiation', { supportedVersions: ['1.0.0'], selectedVersion: '1.0.0' });
    peer.send('version-negotiation', { supportedVersions: ['1.0.0'] });
    const id = peer.send('version-negotiation', { supportedVersions: ['7.0.0'], selectedVersion: '7.0.0' });
    const error = await peer.next();
    assert.equal(error.code, 'UNSUPPORTED_VERSION');
    assert.equal(error.id, id);
    assert.deepEqual(await peer.fence(), []);
    await peer.close();
  },
  'no answer and no event has a field of a later version': async () => {
    const fields = {
      ack: ['id', 'type', 'version', 'timestamp', 'messageId', 'success'],
      event: ['id', 'type', 'version', 'timestamp', 'topic', 'data', 'sequenceNumber'],
      pong: ['id', 'type', 'version', 'timestamp', 'latency'],
      error: ['id', 'type', 'version', 'timestamp', 'code', 'message', 'details', 'messageId'],
    };
    const peer = await Peer.authenticated();
    peer.send('subscribe', { topics: ['plain'], last: 5 });
    peer.send('publish', { topic: 'plain', data: 1, broadcast: true, counter: 1 });
    peer.send('publish', { topic: 'plain.*', data: 1 });
    peer.send('ping');
    for (let count = 0; count < 5; ++count) {
      const message = await peer.next();
      assert.equal(message.version, '1.0.0');
      for (const field of Object.keys(message)) assert(fields[message.type].includes(field), `${message.type}.${field}`);
    }
    assert.deepEqual(await peer.fence(), []);
    await peer.close();
  },
  'what a client reports of an agent or a task goes to the whole channel, as one event': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    const reports = [
      ['agent', 'status', { agentId: 'ws-7', status: 'busy' }],
      ['agent', 'health', { agentId: 'ws-7', healthy: true, metrics: { cpu: 50, memory: 60 } }],
      ['task', 'progress', { taskId: 'ws-7', progress: 50, status: 'in-progress' }],
      ['task', 'completed', { taskId: 'ws-7', status: 'completed', result: { success: true } }],
    ];
    await listener.request('subscribe', { topics: ['agent.ws-7.#', 'task.ws-7.#', 'agent.status', 'agent.health', 'task.progress', 'task.completed'] });
    for (const [channel, kind, fields] of reports) {
      const data = { ...fields, timestamp: Date.now(), unknown: [1] };
      await speaker.request('publish', { topic: `${channel}.ws-7.${kind}`, data });
      const events = [await listener.next(), await listener.next()];
      assert.deepEqual(events.map((event) => event.topic), [`${channel}.ws-7.${kind}`, `${channel}.${kind}`]);
      assert.equal(events[0].id, events[1].id);
      for (const event of events) assert.deepEqual(event.data, data);
    }
    assert.deepEqual(await listener.fence(), []);
    await listener.close();
    await speaker.close();
  },
  'what does not fit its channel is delivered as any event, and not to the whole channel': async () => {
    const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await listener.request('subscribe', { topics: ['agent.ws-8.#', 'agent.status'] });
    assert.deepEqual(await listener.fence(), []);
    await speaker.request('publish', { topic: 'agent.ws-8.status', data: { status: 'dreaming' } });
    assert.deepEqual((await listener.fence()).map((event) => event.topic), ['agent.ws-8.status']);
    await listener.close();
    await speaker.close();
  },
  'a proposal that no server opened is voted on and decided among clients': async () => {
    const [proposer, voter, watcher] = [await Peer.authenticated(), await Peer.authenticated(), await Peer.authenticated()];
    const topic = 'swarm.ws-1.consensus';
    const step = (type, fields) => ({ swarmId: 'ws-1', proposalId: 'p1', type, timestamp: Date.now(), ...fields });
    await voter.request('subscribe', { topics: [topic] });
    await watcher.request('subscribe', { topics: ['swarm.consensus'] });
    await proposer.request('subscribe', { topics: [topic] });
    await proposer.request('publish', { topic, data: step('proposed', { proposal: { action: 'scale-up' } }) });
    const proposed = await voter.next();
    assert.deepEqual(proposed.data.proposal, { action: 'scale-up' });
    await voter.request('publish', { topic, data: step('voting', { votes: [{ agentId: 'a1', vote: 'yes' }] }) });
    const { votes } = (await proposer.next()).data;
    const result = { accepted: true, votesFor: 1, votesAgainst: 0, abstentions: 0 };
    await proposer.request('publish', { topic, data: step('accepted', { votes, result }) });
    assert.deepEqual((await voter.next()).data.result, result);
    const seen = [await watcher.next(), await watcher.next(), await watcher.next()];
    assert.deepEqual(seen.map((event) => event.data.type), ['proposed', 'voting', 'accepted']);
    for (const peer of [proposer, voter, watcher]) await peer.close();
  },
  'a ballot that a client opens is counted by the server, whose word on it is the only one': async () => {
    const [proposer, first, second, watcher] = [await Peer.authenticated(), await Peer.authenticated(), await Peer.authenticated(), await Peer.authenticated()];
    const topic = 'swarm.ws-2.consensus';
    const step = (type, fields) => ({ swarmId: 'ws-2', proposalId: 'p2', type, timestamp: Date.now(), ...fields });
    const voting = (agentId, vote) => ({ topic, data: step('voting', { votes: [{ agentId, vote }] }) });
    const ballot = { electorate: ['b1', 'b2', 'b3'], rule: 'majority', deadline: Date.now() + 60000 };
    await watcher.request('subscribe', { topics: ['swarm.consensus'] });
    await proposer.request('publish', { topic, data: step('proposed', { proposal: 1, ballot }) });
    await first.request('publish', voting('b1', 'yes'));
    for (const refused of [voting('stranger', 'yes'), { topic, data: step('accepted', {}) }]) {
      const id = first.send('publish', refused);
      const error = await first.next();
      assert.deepEqual([error.type, error.messageId], ['error', id]);
    }
    await second.request('publish', voting('b2', 'yes'));
    const steps = [];
    do steps.push((await watcher.next()).data);
    while (steps.at(-1).type !== 'accepted');
    assert.deepEqual(steps.at(-1).result, { accepted: true, votesFor: 2, votesAgainst: 0, abstentions: 0 });
    const id = second.send('publish', voting('b3', 'no'));
    assert.equal((await second.next()).messageId, id);
    for (const peer of [proposer, first, second, watcher]) await peer.close();
  },
  'who comes back subscribes again, and the numbers have gone on': async () => {
    const [lost, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
    await lost.request('subscribe', { topics: ['ws.back'] });
    await speaker.request('publish', { topic: 'ws.back', data: 1 });
    assert.equal((await lost.next()).sequenceNumber, 1);
    lost.socket.terminate();
    await lost.closed;
    await speaker.request('publish', { topic: 'ws.back', data: 2 });
    const back = await Peer.authenticated();
    await back.request('subscribe', { topics: ['ws.back'] });
    await speaker.request('publish', { topic: 'ws.back', data: 3 });
    const event = await back.next();
    assert.deepEqual([event.data, event.sequenceNumber], [3, 3]);
    await back.close();
    await speaker.close();
  },
  'a Close is answered with its own code': async () => {
    const peer = await Peer.authenticated();
    peer.socket.close(4321, 'bye');
    assert.equal((await peer.closed).code, 4321);
  },
  'a server that ends lets each have what was acked, and a Close with 1001': async () => {
    const [listener, speaker] = [await Peer.open(leavingUrl), await Peer.open(leavingUrl)];
    await listener.next();
    await speaker.next();
    await listener.request('subscribe', { topics: ['last.words'] });
    for (let number = 1; number <= 50; ++number) await speaker.request('publish', { topic: 'last.words', data: number });
    process.kill(Number(leavingPid), 'SIGTERM');
    assert.equal((await listener.closed).code, 1001);
    assert.equal((await speaker.closed).code, 1001);
    assert.deepEqual(listener.texts.map((text) => JSON.parse(text).data), Array.from({ length: 50 }, (_, at) => at + 1));
  },
};

cases['what is compressed is understood either way'] = async () => {
  const [listener, speaker] = [await Peer.authenticated(), await Peer.authenticated()];
  for (const peer of [listener, speaker]) assert.equal(peer.socket.extensions, deflate ? 'permessage-deflate' : '');
  await listener.request('subscribe', { topics: ['large'] });
  for (let number = 0; number < 20; ++number) {
    const data = Array.from({ length: 10 + 200 * (number % 5) }, (_, line) => `line ${line} of ${number}`);
    await speaker.request('publish', { topic: 'large', data });
    assert.deepEqual((await listener.next()).data, data);
  }
  await listener.close();
  await speaker.close();
};

let [passed, failed] = [0, 0];
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    ++passed;
    console.log(`ok: ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
