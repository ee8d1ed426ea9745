#!/usr/bin/env python3
"""The websockets package as a client: every case prints a line, and the last one counts them.

    websockets_client.py URL TOKEN LIMITED_URL LEAVING_URL LEAVING_PID [deflate]

With `deflate`, the servers compress, and so does this client; otherwise they decline its offer. Of the last two servers, which let everybody in, one takes 5 messages an hour, and one is asked to end.
"""
import asyncio
import inspect
import json
import os
import signal
import sys
import time
import traceback

import websockets
from websockets.exceptions import ConnectionClosed

url, token, limited_url, leaving_url, leaving_pid = sys.argv[1:6]
is_deflated = sys.argv[6:] == ["deflate"]
last_id = 0


class Peer:
    """A connection whose messages are read one after another."""

    def __init__(self, socket):
        self.socket = socket
        self.fence_topic = None

    @classmethod
    async def open(cls, to=url):
        return cls(await websockets.connect(to))

    @classmethod
    async def authenticated(cls):
        peer = await cls.open()
        await peer.next()
        await peer.request("auth", token=token)
        return peer

    async def send(self, kind, **fields):
        global last_id
        last_id += 1
        message = {"id": f"test-{last_id}", "type": kind, "version": "1.0.0", "timestamp": int(time.time() * 1000)}
        await self.socket.send(json.dumps({**message, **fields}))
        return message["id"]

    async def next(self):
        return json.loads(await self.socket.recv())

    async def request(self, kind, **fields):
        sent = await self.send(kind, **fields)
        answer = await self.next()
        assert answer["type"] == "ack" and answer["messageId"] == sent and answer["success"] is True, answer

    async def fence(self):
        """All that the server sent before an event of this peer's own.

        Events keep their order, and answers come no later than the events behind them.
        """
        if not self.fence_topic:
            self.fence_topic = f"fence.{id(self)}"
            await self.request("subscribe", topics=[self.fence_topic])
        sent = await self.send("publish", topic=self.fence_topic, broadcast=True)
        before, acked, reached = [], False, False
        while not acked or not reached:
            message = await self.next()
            if message.get("messageId") == sent:
                acked = True
            elif message.get("topic") == self.fence_topic:
                reached = True
            else:
                before.append(message)
        return before

    async def end(self):
        """The code and the reason with which the server closes."""
        try:
            while True:
                await self.socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason

    async def close(self):
        await self.socket.close()


async def the_server_says_first_which_versions_it_speaks():
    peer = await Peer.open()
    first = await peer.next()
    assert first["type"] == "version-negotiation" and "1.0.0" in first["supportedVersions"], first
    await peer.close()


async def a_wrong_token_is_refused_and_the_connection_closed():
    peer = await Peer.open()
    await peer.next()
    sent = await peer.send("auth", token="wrong")
    error = await peer.next()
    assert (error["code"], error["message"]) == ("AUTHENTICATION_FAILED", "Invalid credentials"), error
    assert error["id"] == error["messageId"] == sent, error
    assert await peer.end() == (1008, "Authentication failed")


async def a_request_before_auth_is_refused():
    peer = await Peer.open()
    await peer.next()
    await peer.send("publish", topic="a")
    error = await peer.next()
    assert (error["code"], error["message"]) == ("AUTHENTICATION_FAILED", "Not authenticated"), error
    await peer.request("auth", token=token)
    await peer.close()


async def a_pattern_gets_the_events_of_its_topics_in_order():
    listener, speaker = await Peer.authenticated(), await Peer.authenticated()
    await listener.request("subscribe", topics=["py.*.status"], patterns=["py.#"])
    for number in range(1, 101):
        await speaker.request("publish", topic="py.7.status", data={"number": number, "text": "\u00e9\u4e16\U0001f30d"})
    for number in range(1, 101):
        event = await listener.next()
        assert event["type"] == "event" and event["topic"] == "py.7.status", event
        assert event["sequenceNumber"] == number and event["data"]["number"] == number, event
        assert event["data"]["text"] == "\u00e9\u4e16\U0001f30d", event
    assert await listener.fence() == []
    await listener.close()
    await speaker.close()


async def a_publish_comes_back_to_its_publisher_with_broadcast_alone():
    peer = await Peer.authenticated()
    await peer.request("subscribe", topics=["py/own"])
    await peer.request("publish", topic="py/own", data=1)
    assert await peer.fence() == []
    await peer.send("publish", topic="py/own", data=2, broadcast=True)
    assert sorted(message["type"] for message in await peer.fence()) == ["ack", "event"]
    await peer.close()


async def nothing_comes_after_an_unsubscribe():
    listener, speaker = await Peer.authenticated(), await Peer.authenticated()
    await listener.request("subscribe", topics=["py.off"])
    await listener.request("unsubscribe", topics=["py.off"])
    await speaker.request("publish", topic="py.off")
    assert await listener.fence() == []
    await listener.close()
    await speaker.close()


async def a_websocket_ping_gets_its_pong():
    peer = await Peer.authenticated()
    await asyncio.wait_for(await peer.socket.ping(b"payload"), 10)
    await peer.close()


async def a_message_in_fragments_is_one_message():
    peer = await Peer.authenticated()
    text = json.dumps({"id": "pieces", "type": "ping", "version": "1.0.0", "timestamp": 1})
    await peer.socket.send([text[:5], text[5:6], text[6:]])
    pong = await peer.next()
    assert pong["type"] == "pong" and pong["id"] == "pieces", pong
    await peer.close()


async def bad_input_is_refused_and_others_are_served():
    witness, peer = await Peer.authenticated(), await Peer.authenticated()
    for text, code in [
        ("no JSON", "INVALID_MESSAGE"),
        ('{"id":"x","type":"ping","version":"1.0.0"}', "INVALID_MESSAGE"),
        ('{"id":"x","type":7,"version":"1.0.0","timestamp":1}', "INVALID_MESSAGE"),
        ('{"id":"x","type":"nothing","version":"1.0.0","timestamp":1}', "INVALID_MESSAGE"),
        ('{"id":"x","type":"ping","version":"2.0.0","timestamp":1}', "UNSUPPORTED_VERSION"),
    ]:
        await peer.socket.send(text)
        error = await peer.next()
        assert error["type"] == "error" and error["code"] == code, (text, error)
        assert error.get("messageId") == ("x" if text.startswith("{") else None), error
    await peer.socket.send(b"\x00\x01")
    assert (await peer.end())[0] == 1003
    large = await Peer.authenticated()
    await large.socket.send("x" * 70 * 1024)
    assert (await large.end())[0] == 1009
    assert await witness.fence() == []
    await witness.close()


async def over_the_rate_limit_a_request_is_refused_by_its_id_and_the_connection_stays():
    peer = await Peer.open(limited_url)
    await peer.next()
    for count in range(5):
        await peer.request("publish", topic="limited", data=count)
    for _ in range(2):
        sent = await peer.send("publish", topic="limited")
        error = await peer.next()
        assert error["code"] == "RATE_LIMIT_EXCEEDED" and error["id"] == error["messageId"] == sent, error
    await asyncio.wait_for(await peer.socket.ping(), 10)
    await peer.close()


async def two_lists_of_topics_are_one_and_an_empty_one_is_acked():
    listener, speaker = await Peer.authenticated(), await Peer.authenticated()
    await listener.request("subscribe", topics=[])
    await listener.request("subscribe", topics=["pyboth.a"], patterns=["pyboth.*"])
    await speaker.request("publish", topic="pyboth.b")
    await speaker.request("publish", topic="pyboth.a")
    assert [(await listener.next())["topic"] for _ in range(2)] == ["pyboth.b", "pyboth.a"]
    assert await listener.fence() == []
    await listener.close()
    await speaker.close()


async def a_ping_gets_its_pong_with_the_way_it_took():
    peer = await Peer.authenticated()
    sent = await peer.send("ping")
    pong = await peer.next()
    assert pong["type"] == "pong" and pong["id"] == sent and pong["latency"] >= 0, pong
    await peer.close()


async def what_a_client_reports_goes_to_the_whole_channel_as_one_event():
    listener, speaker = await Peer.authenticated(), await Peer.authenticated()
    await listener.request("subscribe", topics=["agent.py-7.#", "task.py-7.#", "agent.metrics", "agent.logs", "task.error"])
    for channel, kind, data in [
        ("agent", "metrics", {"agentId": "py-7", "metrics": {"throughput": 1.5}, "timestamp": 1}),
        ("agent", "logs", {"agentId": "py-7", "level": "warn", "message": "caf\u00e9", "timestamp": 1}),
        ("task", "error", {"taskId": "py-7", "error": {"message": "no", "recoverable": True}, "timestamp": 1}),
    ]:
        await speaker.request("publish", topic=f"{channel}.py-7.{kind}", data=data)
        entity, whole = await listener.next(), await listener.next()
        assert (entity["topic"], whole["topic"]) == (f"{channel}.py-7.{kind}", f"{channel}.{kind}"), (entity, whole)
        assert entity["id"] == whole["id"] and entity["data"] == whole["data"] == data, (entity, whole)
    assert await listener.fence() == []
    await listener.close()
    await speaker.close()


async def votes_of_agents_reach_whoever_watches_the_swarms():
    watcher, voters = await Peer.authenticated(), [await Peer.authenticated() for _ in range(3)]
    await watcher.request("subscribe", topics=["swarm.consensus", "swarm.decision"])
    for number, voter in enumerate(voters):
        vote = {"agentId": f"py-{number}", "vote": ["yes", "no", "abstain"][number]}
        data = {"swarmId": "py-1", "proposalId": "p1", "type": "voting", "votes": [vote], "timestamp": 1}
        await voter.request("publish", topic="swarm.py-1.consensus", data=data)
        assert (await watcher.next())["data"]["votes"] == [vote]
    choice = {"agentId": "py-0", "option": "red", "confidence": 0.5}
    data = {"swarmId": "py-1", "decisionId": "d1", "votes": [choice], "timestamp": 1}
    await voters[0].request("publish", topic="swarm.py-1.decision", data=data)
    assert (await watcher.next())["data"]["votes"] == [choice]
    for peer in [watcher, *voters]:
        await peer.close()


async def a_ballot_that_a_client_opens_is_counted_by_the_server_and_closed_at_its_deadline():
    proposer, voter, watcher = [await Peer.authenticated() for _ in range(3)]
    await watcher.request("subscribe", topics=["swarm.consensus"])
    about = {"swarmId": "py-2", "proposalId": "p2", "timestamp": 1}
    ballot = {"electorate": ["b1", "b2", "b3"], "rule": "unanimous", "deadline": int(time.time() * 1000) + 500}
    await proposer.request("publish", topic="swarm.py-2.consensus", data={**about, "type": "proposed", "proposal": 1, "ballot": ballot})
    vote = {**about, "type": "voting", "votes": [{"agentId": "b1", "vote": "yes"}]}
    await voter.request("publish", topic="swarm.py-2.consensus", data=vote)
    steps = [(await watcher.next())["data"]]
    while steps[-1]["type"] not in ["accepted", "rejected"]:
        steps.append((await watcher.next())["data"])
    assert steps[-1]["result"] == {"accepted": False, "votesFor": 1, "votesAgainst": 0, "abstentions": 0}, steps
    for peer in [proposer, voter, watcher]:
        await peer.close()


async def who_comes_back_subscribes_again_and_the_numbers_have_gone_on():
    lost, speaker = await Peer.authenticated(), await Peer.authenticated()
    await lost.request("subscribe", topics=["py.back"])
    await speaker.request("publish", topic="py.back", data=1)
    assert (await lost.next())["sequenceNumber"] == 1
    lost.socket.transport.abort()
    await lost.socket.wait_closed()
    await speaker.request("publish", topic="py.back", data=2)
    back = await Peer.authenticated()
    await back.request("subscribe", topics=["py.back"])
    await speaker.request("publish", topic="py.back", data=3)
    event = await back.next()
    assert (event["data"], event["sequenceNumber"]) == (3, 3), event
    await back.close()
    await speaker.close()


async def a_server_that_ends_lets_each_have_what_was_acked_and_a_close_with_1001():
    listener, speaker = await Peer.open(leaving_url), await Peer.open(leaving_url)
    await listener.next()
    await speaker.next()
    await listener.request("subscribe", topics=["last.words"])
    for number in range(50):
        await speaker.request("publish", topic="last.words", data=number)
    os.kill(int(leaving_pid), signal.SIGTERM)
    assert [(await listener.next())["data"] for _ in range(50)] == list(range(50))
    assert (await listener.end())[0] == 1001
    assert (await speaker.end())[0] == 1001


async def what_is_compressed_is_understood_either_way():
    listener, speaker = await Peer.authenticated(), await Peer.authenticated()
    for peer in listener, speaker:
        has_own = hasattr(peer.socket, "extensions")  # as long as websockets had one class for both
        extensions = peer.socket.extensions if has_own else peer.socket.protocol.extensions
        assert [extension.name for extension in extensions] == (["permessage-deflate"] if is_deflated else []), extensions
    await listener.request("subscribe", topics=["large"])
    for number in range(20):
        data = [f"line {line} of {number}" for line in range(10 + 200 * (number % 5))]
        await speaker.request("publish", topic="large", data=data)
        assert (await listener.next())["data"] == data
    await listener.socket.close()
    await speaker.socket.close()


async def main():
    cases = [case for name, case in globals().items() if inspect.iscoroutinefunction(case) and name != "main"]
    passed = failed = 0
    for case in cases:
        name = case.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(case(), 30)
            passed += 1
            print(f"ok: {name}")
        except Exception:  # whatever it is, the other cases run
            failed += 1
            print(f"FAILED: {name}: {traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


sys.exit(asyncio.run(main()))
