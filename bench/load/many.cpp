#include "many.hpp"

#include "messages.hpp"
#include "server_cpu.hpp"

#include <cstdio>
#include <memory>
#include <sys/types.h>
#include <vector>

namespace load
{

namespace
{

std::size_t residentBytes(::pid_t process)
{
    const auto path = fmt::format("/proc/{}/smaps_rollup", process);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
    if (!file) fail("cannot read " + path);
    char line[256];
    std::size_t kilobytes = 0;
    while (std::fgets(line, sizeof line, file.get()))
        if (std::sscanf(line, "Rss: %zu kB", &kilobytes) == 1) return kilobytes * 1024;
    fail("no Rss in " + path);
}

// In batches: all of one take each step together, so that the server is not charged with waking up for each,
// and leave together. The first batch is not counted.
template <typename Step>
void runBatches(const Target& target, ::pid_t server, std::size_t count, Step step)
{
    constexpr std::size_t batch = 500;
    const auto connect = [&]
    {
        std::vector<Peer> peers;
        peers.reserve(batch);
        for (std::size_t place = 0; place < batch; ++place) peers.emplace_back(target, 2U);
        for (auto& peer : peers) peer.finishUpgrade();
        step(peers);
    };
    const ServerCpu cpu(server);
    connect();
    const auto begin = cpu.now();
    std::size_t done = 0;
    for (; done < count; done += batch) connect();
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               done, static_cast<double>(cpu.now() - begin) / 1000 / static_cast<double>(done));
}

void ask(std::vector<Peer>& peers, const std::string& message, std::string_view answer)
{
    for (auto& peer : peers)
    {
        peer.queue(message);
        peer.flush();
    }
    for (auto& peer : peers) peer.waitFor(answer);
}

}  // namespace

void runConnects(const Target& target, ::pid_t server, std::size_t count)
{
    runBatches(target, server, count,
               [&](std::vector<Peer>& peers)
               {
                   if (!target.token.empty())
                       ask(peers, authMessage(target.token), R"("messageId":"00000001")");
                   ask(peers, subscribeMessage({"bench.connect"}), R"("messageId":"00000002")");
               });
}

void runUpgrades(const Target& target, ::pid_t server, std::size_t count)
{
    runBatches(target, server, count, [](std::vector<Peer>&) {});
}

void runIdle(const Target& target, ::pid_t server, std::size_t count, std::size_t seconds)
{
    const auto crowd = std::make_unique<Crowd>(target);
    // What is not theirs: the first of them bring the server's own buffers.
    for (std::size_t place = 0; place < 100; ++place) crowd->add({"bench.idle"});
    const auto before = residentBytes(server);
    for (std::size_t place = 0; place < count; ++place) crowd->add({"bench.idle"});
    const auto wall = wallNow();
    while (wallNow() - wall < static_cast<std::int64_t>(seconds) * 1'000'000'000)
        crowd->poll([](std::size_t, std::string_view text)
                    { fail("an idle client got " + std::string(text)); });
    const auto after = residentBytes(server);
    fmt::print(R"({{"count":{},"bytes":{}}})"
               "\n",
               count, (after - before) / count);
}

void runHold(const Target& target, ::pid_t server, std::size_t count, std::size_t seconds)
{
    const auto crowd = std::make_unique<Crowd>(target);
    for (std::size_t place = 0; place < count; ++place) crowd->add({fmt::format("bench.{}", place)});
    const ServerCpu cpu(server);
    const std::size_t perSecond = count / 100;
    const auto begin = cpu.now();
    const auto wall = wallNow();
    std::uint64_t published = 0;
    std::uint64_t acked = 0;
    std::uint64_t events = 0;
    const auto take = [&](std::size_t, std::string_view text)
    {
        if (isAck(text))
            ++acked;
        else
            ++events;
    };
    while (wallNow() - wall < static_cast<std::int64_t>(seconds) * 1'000'000'000)
    {
        const auto due = static_cast<std::uint64_t>(wallNow() - wall) * perSecond / 1'000'000'000;
        for (; published < due; ++published)
        {
            auto& peer = (*crowd)[published % count];
            // To the next one, so that each publish is delivered once.
            peer.queue(publishMessage(fmt::format("bench.{}", (published + 1) % count), published, 128));
            peer.flush();
        }
        crowd->poll(take);
    }
    const auto used = cpu.now() - begin;
    const auto passed = wallNow() - wall;
    while (acked < published || events < published) crowd->poll(take);
    fmt::print(R"({{"count":{},"published":{},"share":{:.4f}}})"
               "\n",
               count, published, static_cast<double>(used) / static_cast<double>(passed));
}

}  // namespace load
