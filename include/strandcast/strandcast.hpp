#pragma once

// All of the library.

#include <strandcast/agent_client.hpp>
#include <strandcast/agent_events.hpp>
#include <strandcast/agent_server.hpp>
#include <strandcast/authenticated.hpp>
#include <strandcast/broker.hpp>
#include <strandcast/channel_server_options.hpp>
#include <strandcast/channel_stream.hpp>
#include <strandcast/clock.hpp>
#include <strandcast/close_reason.hpp>
#include <strandcast/error.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/frame_slot.hpp>
#include <strandcast/listen_address.hpp>
#include <strandcast/message.hpp>
#include <strandcast/message_serializer.hpp>
#include <strandcast/random.hpp>
#include <strandcast/server_events.hpp>
#include <strandcast/shard_pool.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/swarm_client.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/swarm_server.hpp>
#include <strandcast/task_client.hpp>
#include <strandcast/task_events.hpp>
#include <strandcast/task_server.hpp>
#include <strandcast/tls.hpp>
#include <strandcast/topics.hpp>
#include <strandcast/transport.hpp>
#include <strandcast/ws_client.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>
