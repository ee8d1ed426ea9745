// The expressions with co_await that a user of this library writes first. g++ 12 destroys some of their
// temporaries twice, or refuses them; meson.build refuses g++ 12. A compiler that fails here cannot be used.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace
{

/// Knows which of its kind are alive, so that one destroyed twice, never, or at an address where none was
/// made shows.
class Probe
{
public:
    Probe() { enter(); }
    Probe(const Probe&) { enter(); }
    Probe(Probe&&) noexcept { enter(); }
    Probe& operator=(const Probe&) = default;
    Probe& operator=(Probe&&) = default;
    ~Probe()
    {
        if (alive().erase(this) == 0) ++wrongEnds();
    }

    static std::set<const Probe*>& alive()
    {
        static std::set<const Probe*> probes;
        return probes;
    }
    static int& wrongEnds()
    {
        static int count = 0;
        return count;
    }

private:
    void enter()
    {
        if (!alive().insert(this).second) ++wrongEnds();
    }
};

// Longer than any short-string buffer: a string freed twice is found by the allocator or by a sanitizer as
// well.
const std::string longText(100, 'x');

struct Options
{
    std::string name = longText;
    Probe probe = {};
    int count = 1;
};

struct Item
{
    std::string name;
    Probe probe = {};
};

asio::awaitable<void> turn()
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

asio::awaitable<std::string> nameOf(Options options)
{
    co_await turn();
    co_return options.name;
}

asio::awaitable<std::string> nameByReference(const Options& options)
{
    co_await turn();
    co_return options.name;
}

asio::awaitable<std::string> nameOrDefault(int, Options options = {})
{
    co_await turn();
    co_return options.name;
}

asio::awaitable<std::size_t> lengthOf(std::vector<Item> items)
{
    co_await turn();
    std::size_t length = 0;
    for (const Item& item : items) length += item.name.size();
    co_return length;
}

/// What a list of texts is in our own calls. g++ 14 fails with an internal error where an initializer_list of
/// strings is made of literals in an expression with co_await; of views it takes them.
struct Names
{
    Names(std::initializer_list<std::string_view> texts) : list(texts.begin(), texts.end()) {}

    std::vector<std::string> list;
    Probe probe = {};
};

struct NamesOption
{
    std::vector<std::string> names;
    Probe probe = {};
};

asio::awaitable<std::string> joined(Names names)
{
    co_await turn();
    std::string all;
    for (const std::string& name : names.list) all += name;
    co_return all;
}

asio::awaitable<std::size_t> countOf(NamesOption option)
{
    co_await turn();
    co_return option.names.size();
}

template <typename Function>
asio::awaitable<std::string> call(Function function)
{
    co_await turn();
    co_return function();
}

asio::awaitable<bool> isOpen(std::shared_ptr<Probe> probe)
{
    co_await turn();
    co_return probe.use_count() > 0;
}

/// Runs the coroutine to its end; then every probe must have ended, each once.
template <typename Body>
void run(Body body)
{
    Probe::alive().clear();
    Probe::wrongEnds() = 0;
    std::exception_ptr failure = std::make_exception_ptr(std::runtime_error("the coroutine never ended"));
    {
        asio::io_context io;
        asio::co_spawn(io, std::move(body), [&](std::exception_ptr ended) { failure = std::move(ended); });
        io.run();
    }
    CHECK(failure == nullptr);
    CHECK(Probe::wrongEnds() == 0);
    CHECK(Probe::alive().empty());
}

}  // namespace

TEST_SUITE("compiler")
{
    TEST_CASE("an aggregate temporary as an argument of an awaited call ends once")
    {
        run(
            []() -> asio::awaitable<void>
            {
                CHECK(co_await nameOf({.name = longText + "1", .count = 2}) == longText + "1");
                CHECK(co_await nameOf(Options{.name = longText + "2"}) == longText + "2");
            });
    }

    TEST_CASE("an aggregate temporary taken by reference lives until the awaited call has ended")
    {
        run([]() -> asio::awaitable<void>
            { CHECK(co_await nameByReference({.name = longText + "3"}) == longText + "3"); });
    }

    TEST_CASE("a default argument of an awaited call ends once")
    {
        run([]() -> asio::awaitable<void> { CHECK(co_await nameOrDefault(1) == longText); });
    }

    TEST_CASE("a capturing lambda as an argument of an awaited call ends once")
    {
        run(
            []() -> asio::awaitable<void>
            {
                const Item item{.name = longText};
                CHECK(co_await call([item] { return item.name; }) == longText);
                CHECK(co_await call([name = longText + "4", probe = Probe()] { return name; }) ==
                      longText + "4");
            });
    }

    TEST_CASE("a braced list as an argument of an awaited call compiles, and its elements end once")
    {
        run([]() -> asio::awaitable<void>
            { CHECK(co_await lengthOf({{.name = longText}, {.name = longText}}) == 2 * longText.size()); });
    }

    TEST_CASE("a braced list of texts as an argument of an awaited call compiles, and lives long enough")
    {
        run(
            []() -> asio::awaitable<void>
            {
                CHECK(co_await joined({"agent.*.status", "task.#"}) == "agent.*.statustask.#");
                CHECK(co_await joined({longText, longText + "5"}) == longText + longText + "5");
                CHECK(co_await countOf({.names = {"one", longText, longText + "6"}}) == 3);
            });
    }

    TEST_CASE("a co_await in the condition of an if needs no local variable beside it")
    {
        static int taken = 0;
        taken = 0;
        run(
            []() -> asio::awaitable<void>
            {
                if (co_await isOpen(std::make_shared<Probe>())) ++taken;
            });
        CHECK(taken == 1);
    }

    TEST_CASE(
        "a co_await in the condition of a while, and in both arms of a conditional, ends its temporaries")
    {
        run(
            []() -> asio::awaitable<void>
            {
                int rounds = 0;
                while ((co_await nameOf({.name = longText})).size() == longText.size() && rounds < 3)
                    ++rounds;
                CHECK(rounds == 3);
                const auto name =
                    rounds == 3 ? co_await nameOf({.name = "yes"}) : co_await nameOf({.name = "no"});
                CHECK(name == "yes");
            });
    }

    TEST_CASE("two awaited calls in one expression end the temporaries of both")
    {
        run(
            []() -> asio::awaitable<void>
            {
                const auto both = co_await nameOf({.name = longText}) + co_await nameOf({.name = longText});
                CHECK(both == longText + longText);
            });
    }

    TEST_CASE("a variable initialised in an if by an awaited call lives as long as the if")
    {
        run(
            []() -> asio::awaitable<void>
            {
                if (auto item = std::make_unique<Item>(Item{.name = co_await nameOf({.name = longText})}))
                    CHECK(item->name == longText);
            });
    }

    TEST_CASE("an exception out of an awaited call ends the temporaries of the expression")
    {
        run(
            []() -> asio::awaitable<void>
            {
                const auto fail = [](Options options) -> asio::awaitable<std::string>
                {
                    co_await turn();
                    throw std::runtime_error(options.name);
                };
                std::string caught;
                try
                {
                    co_await fail({.name = longText});
                }
                catch (const std::runtime_error& failure)
                {
                    caught = failure.what();
                }
                CHECK(caught == longText);
            });
    }

    TEST_CASE("the temporaries of a suspended expression end with the context that was to resume it")
    {
        Probe::alive().clear();
        Probe::wrongEnds() = 0;
        {
            asio::io_context io;
            asio::co_spawn(io, nameOf({.name = longText}), [](std::exception_ptr, std::string) {});
            io.run_one();
        }
        CHECK(Probe::wrongEnds() == 0);
        CHECK(Probe::alive().empty());
    }
}
